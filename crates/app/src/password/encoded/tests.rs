//! Hashes made by other implementations: each verifies with its password and with no other; what is damaged or dear is
//! refused before anything is computed.

use super::*;

/// The passwords of [`MADE_ELSEWHERE`]. The second is longer than a block of any of the hashes, and not ASCII.
const PASSWORDS: [&str; 2] = ["Tr0ub4dor & Drei", "pässwörd-ünïcode-and-more-than-sixteen"];

/// Who made it, from which password, and what came out.
#[rustfmt::skip]
const MADE_ELSEWHERE: &[(&str, usize, &str)] = &[
    ("argon2-cffi", 0, "$argon2id$v=19$m=1024,t=2,p=1$c2FsdHNhbHQw$GTFkkPAsfZrcTzVaOm5dNq4DjbvltQlS6yzNk9FbRXE"),
    ("argon2-cffi", 0, "$argon2i$v=19$m=512,t=3,p=1$c2FsdHNhbHQw$AYn37uPqmAjwAS7CCCLvYQ"),
    ("argon2-cffi version 16", 0, "$argon2i$v=16$m=256,t=2,p=1$c2FsdHNhbHQw$8jJu6rLhJukPnoUHUuyyBpPwgSpUwpf+7NAdsg/QPpI"),
    ("python bcrypt", 0, "$2b$05$vmENIFbcfYieojxxnaZQheHpTVRwYYBd/u1wU3Al3QJ3Cfs3wR8Si"),
    ("python bcrypt as 2y", 0, "$2y$04$VG2KBitHBuJS2t8k/riBMeZ0jwAPYCIh/QhD20FXXwFdy68MuktQS"),
    ("passlib sha256_crypt", 0, "$5$fYtMVtEkwdl2eRo.$oADIlEjXgsH.KZHVfwn/94uZkRgr3lONRsJ5efmJVE0"),
    ("passlib sha512_crypt", 0, "$6$/r3SKNHUfsOxSXNW$xWUn5Zk5/dN3wfd4b0nIaCzYTQ7Cheg85BoyL/lRs5825Fni8/6S3TclBfYRihqjwn8guei7rWVz5CYqGw1Rd1"),
    ("passlib md5_crypt", 0, "$1$mryu6/5E$gPN2Eo7/5yishhpC4fnBv1"),
    ("passlib apr_md5_crypt", 0, "$apr1$o7HYIKlx$8JTxrn0.vhMjMZJltrlBR1"),
    ("passlib phpass", 0, "$P$6ZoMEJMGdi/sRZ5woTCDKUkrKTfZGb1"),
    ("passlib pbkdf2_sha1", 0, "$pbkdf2$1000$13rPGUOolfI.B6D0/v8fQw$LMJF.CIC8IwG8TSHZ3CuFCFIjQ0"),
    ("passlib pbkdf2_sha256", 0, "$pbkdf2-sha256$1000$AgBAqHUuJcQ4ByBESOm91w$h8RmBg1M4qPBnOR67nbp9XvJSbN6beov1Oecynt5AIY"),
    ("passlib pbkdf2_sha512", 0, "$pbkdf2-sha512$1000$.r8X4hyj9J6zdq7V.r9Xqg$1xxbI1Mbfu3.cl6ETleT6hUKZvDCmsELOkwe9TWOCJ8wl1mhelItvIQe8a4w7zzcSb0/MumhmHYkjYNrGSg9NQ"),
    ("passlib scrypt", 0, "$scrypt$ln=10,r=8,p=1$b42x9r63tvbe+/+/NwZACA$sKWjWkNVJQyBM3ZdeDtecqvfqFPOIOMtpAQogqqsSQ4"),
    ("hashlib pbkdf2, PHC", 0, "$pbkdf2-sha256$i=1500,l=32$MDEyMzQ1Njc4OWFiY2RlZg$oYwn7Ab/ludg+nMFTkwxcFoysoiDTtP50EjXgIOK/SQ"),
    ("hashlib scrypt, PHC", 0, "$scrypt$ln=10,r=4,p=1$MDEyMzQ1Njc4OWFiY2RlZg$I0VYUW/yrRUiFyKAm4FelU1uljwDUKmyBs73iqzXyc+PjNmSRQvZ3MeImTFjnAmvbyfdsr995syAYDcHaVCJ1Q"),
    ("argon2-cffi", 1, "$argon2id$v=19$m=1024,t=2,p=4$c2FsdHNhbHQx$EJaPu1o3bQgAT5O+0fIrmFhEBRHjKeZmHkc2yw1lKeM"),
    ("argon2-cffi", 1, "$argon2d$v=19$m=512,t=3,p=1$c2FsdHNhbHQx$r1BL55oFUePOW711Z2i/eQ"),
    ("argon2-cffi version 16", 1, "$argon2i$v=16$m=256,t=2,p=1$c2FsdHNhbHQx$ZMGwHSTuLQN5R/mjvQjFW3UJSIqULR2Nx8txAuuewb8"),
    ("python bcrypt", 1, "$2a$05$AOEfKxi4cgyGxIaIUBkWDOzW7R8VzY4bx6og7kGj2hx6qcc0zjNdC"),
    ("python bcrypt as 2y", 1, "$2y$04$az3FVvYVgqzFA3Cr0WlnyO/MZI8kDsaENxjhL9iW6hww9rGPZfYD6"),
    ("passlib sha256_crypt", 1, "$5$rounds=1234$1sdr/9jc8weMVCJW$H20vDhRKR6bRQEyCB6ErNX6YbxwpssAT89Y6/RWdcO."),
    ("passlib sha512_crypt", 1, "$6$rounds=2000$WAgWK1JtIeV9q75z$sOV5oQ59Y3dXg26rH0Mhe7I.6UWUpjSDfjqgsLM.EpL4rfTFoZDS2Ep2c5HrzRaNJjPsu2tehAM/a3WSJMu2V1"),
    ("passlib md5_crypt", 1, "$1$TYZysODL$WQyT7KV53rk1LLKVkYBF40"),
    ("passlib apr_md5_crypt", 1, "$apr1$bthrsF1p$trwfBBIJ6cmbyNyXjAUbW/"),
    ("passlib phpass", 1, "$H$6iVq0Jd0BmqIF/6SQgvx26reb7qAyM1"),
    ("passlib pbkdf2_sha1", 1, "$pbkdf2$1000$FcI4Z2wtBYBQKiVkbC1FaA$rTBj31B7Pri9B7opNOTb4.LURn8"),
    ("passlib pbkdf2_sha256", 1, "$pbkdf2-sha256$1000$5nxP6Z1zzlnL.d.bU8rZuw$HwViUUWHOKJQQ9IWt9HB7Kt/9zrwsY3i2oFk1YwKA9g"),
    ("passlib pbkdf2_sha512", 1, "$pbkdf2-sha512$1000$gZCy9j7HWIvxfg.htNY6xw$/Q5sZ6sTyy2qATh1ZT8b5Slmej/JQVRks9Pcm/EbCHplSd1tX4peCNV0YQ/4TSo2tvarD.S3aGwxLHLjLdbghQ"),
    ("passlib scrypt", 1, "$scrypt$ln=10,r=8,p=2$H6M0hhCidC7l/P9fS+l9rw$pNTpDRBdwLRR1NkzMLBBN16ACm/vKNGaBHz3M54Cl9A"),
    ("hashlib pbkdf2, PHC", 1, "$pbkdf2-sha256$i=1500,l=32$MDEyMzQ1Njc4OWFiY2RlZg$IsXd1ygDkz2bw8oXnJCiDv9ew6rJUKaaR7m8UGX3QX4"),
    ("hashlib scrypt, PHC", 1, "$scrypt$ln=10,r=4,p=1$MDEyMzQ1Njc4OWFiY2RlZg$/1uEcvj+2RoEDZnpStOvm5416XVf1naX/O+kaCheiJxiCOscx/JL6OUqL/JWZoAvFAYVa+/qUdzmgEWmc3HNQg"),
    ("hashlib pbkdf2, PHC", 0, "$pbkdf2-sha224$i=1500,l=28$MDEyMzQ1Njc4OWFiY2RlZg$zXp5i/xBAfqLFIxkiv153euJsxZc16je5E5Fhw"),
    ("hashlib pbkdf2, PHC", 0, "$pbkdf2-sha384$i=1500,l=48$MDEyMzQ1Njc4OWFiY2RlZg$bkL2xZQIGu244HGLm4ZOwj9+LRIz2VWlXooXJY8K7ZAIbeLZRhbU1c6zr2mGATDU"),
    ("hashlib pbkdf2, PHC", 1, "$pbkdf2-sha224$i=1500,l=28$MDEyMzQ1Njc4OWFiY2RlZg$vbG06ddXTJaJnRF2cITkuEVFG0/tJW2fZkD6Rw"),
    ("hashlib pbkdf2, PHC", 1, "$pbkdf2-sha384$i=1500,l=48$MDEyMzQ1Njc4OWFiY2RlZg$XCBCaoCLhYyVXWRLji7bKJLv0I00pgBtm/5zXnFqUoZzjqb6xSO9KMygnvGGxiQs"),
    ("openssl passwd -1", 0, "$1$y0YazDOa$2OEqB5wX4RvrZ.LRnvTGk/"),
    ("openssl passwd -1", 1, "$1$0lNteD1K$jL17TnZ7Z5u5Q7srbYpCs."),
    ("openssl passwd -apr1", 0, "$apr1$W6Uehr8B$KC1XRyu3Vysq3AX1wUihE1"),
    ("openssl passwd -apr1", 1, "$apr1$kKw7kwwL$W26ZhY8h0iwpFpP2qjVLH1"),
    ("openssl passwd -5", 0, "$5$li3yssf6r/GCzidY$E2qX8G3L880T/mpbGYjXaCV4cHUaBtRkS60gjXLKqJ3"),
    ("openssl passwd -5", 1, "$5$xFbu2Qxk7vXuAbFG$orDi1GSRIeIeZ1a9yUSFaHJznX9KtGSVlqJVww2a1c."),
    ("openssl passwd -6", 0, "$6$r.j8KgPoqltvx9mE$CmpiPma6hom1pJX8mZ2Y15t/LFe8OAlMmWWK2Uo.DKWaFBPJIpKJP8qEy9bXfwhWhCgvzDtZZMBUDb2IlGxhX1"),
    ("openssl passwd -6", 1, "$6$8KgB555XZgBJMilE$BopSAFjP/pb/K3eG4fERDo4E15Bom0N1R7zxoqSphR6HzpWmU03uNTUnNHEXw7eKInUwVItds9nkMfuPlh9T11"),
    ("hashlib scrypt and openssl aes-256-ctr, Firebase", 0, "$firescrypt$ln=10,r=8,p=1$MDEyMzQ1Njc4OQ==$Yied5yEnrWzrU/sJxusvBMczLdYEOC1jLa5XUWLPiJMvf6UrJddN5JlhlTZV7heAfsxiTolebZOzzqxi383tIw==$Bw==$mQv3pyLae0Wok8/NRaPfHiQwIxaO7NC5Eq6ZND1MaVTSHKoC4mdZBAcPKJRTSJeg/Dc5itM9SQTnqJzXSVRQdg=="),
    ("hashlib scrypt and openssl aes-256-ctr, Firebase", 1, "$firescrypt$ln=10,r=8,p=1$MDEyMzQ1Njc4OQ==$eEkN0snPKtkuAwoqE22FuTAaZfaRrrmw8a59z0g98ZwAJYA2vERxKCrNlFU81zdPUjflxVOqpSmZz2DM9bG1jQ==$Bw==$fjZfd1ZX3A65YOYpWh9Es/Z0efVNXRLF2H5tsjTwcuN+HMVX2kvKFFdxElZURP8/nMH8jjNYyGNZFK9e2Zp5xA=="),
];

#[test]
fn what_others_hashed_verifies_with_its_password_and_no_other() {
    // One for all: what one comparison leaves there must not show in the next.
    let mut memory = Memory::default();
    for (maker, password, encoded) in MADE_ELSEWHERE {
        let parsed = Encoded::parse(encoded).unwrap_or_else(|fault| panic!("{maker}: {fault}"));
        for (place, tried) in PASSWORDS.iter().enumerate() {
            assert_eq!(
                parsed.matches(tried.as_bytes(), &mut memory),
                place == *password,
                "{maker}: {encoded} with {tried}"
            );
        }
        let shorter = &PASSWORDS[*password][..PASSWORDS[*password].len() - 1];
        assert!(
            !parsed.matches(shorter.as_bytes(), &mut memory) && !parsed.matches(b"", &mut memory),
            "{maker}: {encoded}"
        );
    }
}

/// The example that Firebase publishes with its scrypt.
#[test]
fn the_published_example_of_firebase_verifies() {
    let encoded = "$firescrypt$ln=14,r=8,p=1$42xEC+ixf3L2lw==\
        $lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==\
        $Bw==$jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==";
    let parsed = Encoded::parse(encoded).unwrap();
    let mut memory = Memory::default();
    assert!(parsed.matches(b"user1password", &mut memory));
    assert!(!parsed.matches(b"user2password", &mut memory));
}

#[test]
fn the_alphabet_of_urls_is_read_as_well() {
    let (_, password, encoded) = MADE_ELSEWHERE
        .iter()
        .find(|(maker, ..)| maker.ends_with("Firebase"))
        .unwrap();
    let parsed = Encoded::parse(&encoded.replace('+', "-").replace('/', "_")).unwrap();
    assert!(parsed.matches(PASSWORDS[*password].as_bytes(), &mut Memory::default()));
}

#[test]
fn every_damage_is_refused_or_matches_nothing() {
    let mut memory = Memory::default();
    for (maker, password, encoded) in MADE_ELSEWHERE {
        // What pbkdf2 derives, and scrypt at its end, begins like every longer derivation: a shorter hash is a hash.
        let may_be_shorter = encoded.starts_with("$pbkdf2") || encoded.starts_with("$scrypt");
        let ends = if may_be_shorter {
            0..encoded.rfind('$').unwrap()
        } else {
            0..encoded.len()
        };
        for end in ends {
            let cut = Encoded::parse(&encoded[..end]);
            let matches = cut.is_ok_and(|cut| cut.matches(PASSWORDS[*password].as_bytes(), &mut memory));
            // A padding sign at the end says nothing.
            assert!(
                !matches || encoded[end..].trim_end_matches('=').is_empty(),
                "{maker}: {end} of {encoded}"
            );
        }
    }
}

/// Hashes of passlib, of so many times the letter p.
#[rustfmt::skip]
const OF_LONG_ENTRIES: [(usize, &str); 6] = [
    (512, "$5$rounds=1000$sodiumcl$skLGlzsG8z1KtgIDmHlAm1ORJuRRR0SbkL1e3VJprw/"),
    (512, "$6$rounds=1000$sodiumcl$l71Jbhw5rqrPsrUYaj0GBI2oQhXMIsksSwYJkNUDSXd7gTcom5oGFsaIulK/oz2ZNf4tmwqWsM0rMv.BHXNyd/"),
    (513, "$5$rounds=1000$sodiumcl$/gUbQA8FQ6uHqcEnVC25qBSeOM2i1Ex7gbYBl9gmy03"),
    (513, "$6$rounds=1000$sodiumcl$3x3chYyHMe/HPpkUnCJ22D1wb7JiZ01JJVhAljNQoc.rOmQTONMuM/C/15fpZnrdD20pVJgyU/roZhNhoH0Kd0"),
    (4096, "$5$rounds=1000$sodiumcl$HYjj9BpN0GnPRgk1mnGJnennHGT.Pm3fzRjC8PUmJMD"),
    (4096, "$6$rounds=1000$sodiumcl$wNfpzXJC6hO0.5fDeZANHaV0e64XAATmQr.DZdFWl.0Z.ha067cQv/dVLmKswsN0IHOD33AXHr7mi.e.AEkTV1"),
];

/// Longer entries have hashes too, but the old schemes go through all of the entry in each of their rounds.
#[test]
fn an_entry_longer_than_crypt_takes_matches_nothing() {
    const SALT: &[u8] = b"sodiumcl";
    let mut memory = Memory::default();
    for length in [512, 513, 4096] {
        let entry = "p".repeat(length).into_bytes();
        let md5 = |magic| format!("{magic}sodiumcl${}", digest::md5_crypt(&entry, magic, SALT));
        let phpass = format!("$P$5sodiumcl{}", digest::phpass(&entry, 7, SALT));
        let sha = OF_LONG_ENTRIES.iter().filter(|(of, _)| *of == length);
        let sha = sha.map(|(_, hash)| (*hash).to_owned());
        for hash in sha.chain([md5("$1$"), md5("$apr1$"), phpass]) {
            let matches = Encoded::parse(&hash).unwrap().matches(&entry, &mut memory);
            assert_eq!(matches, length <= 512, "{length}: {hash}");
        }
    }
}

#[test]
fn what_is_no_hash_is_refused_by_kind() {
    const SALT: &str = "MDEyMzQ1Njc4OWFiY2RlZg";
    const HASH: &str = "oYwn7Ab/ludg+nMFTkwxcFoysoiDTtP50EjXgIOK/SQ";
    let refused = |encoded: &str| Encoded::parse(encoded).map(drop);
    for unknown in [
        "",
        "plain",
        "$",
        "$2x$05$",
        "$md5$abc$def",
        "{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=",
    ] {
        assert_eq!(refused(unknown), Err(HashFault::Unknown), "{unknown}");
    }
    for damaged in [
        format!("$argon2id$v=18$m=1024,t=2,p=1${SALT}${HASH}"),
        format!("$argon2id$v=19$m=1024,t=2${SALT}${HASH}"),
        format!("$argon2id$v=19$m=1024,t=0,p=1${SALT}${HASH}"),
        format!("$argon2id$v=19$m=1024,t=2,p=1$c2FsdA${HASH}"),
        format!("$argon2id$v=19$m=1024,t=2,p=1${SALT}$AAAA"),
        format!("$argon2id$v=19$m=-1,t=2,p=1${SALT}${HASH}"),
        format!("$argon2id$v=19$m=+1024,t=2,p=1${SALT}${HASH}"),
        format!("$pbkdf2-sha256$0${SALT}${HASH}"),
        format!("$pbkdf2-sha256$i=99999999999${SALT}${HASH}"),
        format!("$scrypt$ln=10,r=0,p=1${SALT}${HASH}"),
        format!("$firescrypt$ln=10,r=8,p=1${SALT}${HASH}$Bw=="),
        format!("$firescrypt$ln=10,r=8,p=1${SALT}${HASH}$Bw==$AAAA"),
        "$2b$03$vmENIFbcfYieojxxnaZQheHpTVRwYYBd/u1wU3Al3QJ3Cfs3wR8Si".to_owned(),
        "$2b$05$vmENIFbcfYieojxxnaZQheHpTVRwYYBd/u1wU3Al3QJ3Cfs3wR8S".to_owned(),
        "$6$rounds=999$abc$".to_owned(),
        "$1$toolongsalt$gPN2Eo7/5yishhpC4fnBv1".to_owned(),
        "$P$4ZoMEJMGdi/sRZ5woTCDKUkrKTfZGb1".to_owned(),
    ] {
        assert_eq!(refused(&damaged), Err(HashFault::Malformed), "{damaged}");
    }
    for dear in [
        format!("$argon2id$v=19$m=131073,t=1,p=1${SALT}${HASH}"),
        format!("$argon2id$v=19$m=131072,t=9,p=1${SALT}${HASH}"),
        format!("$argon2id$v=19$m=1024,t=4294967295,p=1${SALT}${HASH}"),
        format!("$argon2id$v=19$m=1024,t=1,p=17${SALT}${HASH}"),
        format!("$scrypt$ln=18,r=8,p=1${SALT}${HASH}"),
        format!("$scrypt$ln=21,r=1,p=1${SALT}${HASH}"),
        format!("$scrypt$ln=16,r=8,p=5${SALT}${HASH}"),
        format!("$pbkdf2-sha512$2000001${SALT}${HASH}"),
        "$2b$15$vmENIFbcfYieojxxnaZQheHpTVRwYYBd/u1wU3Al3QJ3Cfs3wR8Si".to_owned(),
        "$6$rounds=1000001$abc$def".to_owned(),
        "$P$JZoMEJMGdi/sRZ5woTCDKUkrKTfZGb1".to_owned(),
    ] {
        assert_eq!(refused(&dear), Err(HashFault::TooCostly), "{dear}");
    }
}
