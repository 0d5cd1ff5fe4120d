//! Networks that last as long as a test: a switch with what stands at it, and stations whose cable can be pulled. Each is a namespace
//! of the kernel that a process of ours holds, so nothing is left behind, whatever becomes of the test.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    os::fd::AsFd,
    process::{Child, Command, Output, Stdio},
    thread,
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A network of its own for processes; gone when this is dropped and they are.
pub(crate) struct Network(Child);

impl Network {
    /// A network where this script went well. Fails with what was said where that is not allowed.
    fn new(script: &str) -> Result<Self, Output> {
        let script = format!("{script} && echo up && read -r _");
        let mut holder = Command::new("unshare");
        let holder = holder.args(["--net", "sh", "-c", &script]);
        let pipes = holder.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = pipes.stderr(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        let out = holder.stdout.as_mut().unwrap();
        BufReader::new(out).read_line(&mut said).unwrap();
        if said == "up\n" {
            return Ok(Self(holder));
        }
        Err(holder.wait_with_output().unwrap())
    }

    /// The same program in this network.
    pub(crate) fn command(&self, outside: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside
            .arg(format!("--net={}", self.place()))
            .arg(outside.get_program())
            .args(outside.get_args());
        inside
    }

    /// Does something on a thread that is in this network.
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let network = File::open(self.place()).unwrap();
        thread::scope(|scope| {
            let entered = scope.spawn(move || {
                move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                work()
            });
            entered.join().unwrap()
        })
    }

    fn place(&self) -> String {
        format!("/proc/{}/ns/net", self.0.id())
    }

    fn ip(&self, what: &str) {
        let mut ip = Command::new("ip");
        let status = self.command(ip.args(what.split(' '))).status();
        assert!(status.unwrap().success(), "ip {what} failed");
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        drop(self.0.wait());
    }
}

/// Nothing but the way to itself.
const ALONE: &str = "ip link set lo up";

/// A network with a switch, where something stands that others want to reach.
pub(crate) struct Switch(Network);

/// A network whose only way out is a cable to a switch.
pub(crate) struct Station {
    pub(crate) network: Network,
    name: String,
}

/// The address of what stands at the switch.
pub(crate) const CENTRE: &str = "10.0.0.1";
/// All addresses of a switch.
pub(crate) const ADDRESSES: &str = "10.0.0.0/24";

impl Switch {
    /// A switch, unless this machine does not allow networks of one's own; then that is said, for a test that is left out.
    pub(crate) fn new() -> Option<Self> {
        let there = Command::new("ip").arg("-Version").output();
        assert!(
            there.is_ok(),
            "tests with networks of their own need `ip`: `apt-get install iproute2`, or `cargo xtask test`, which does that"
        );
        let try_out = "ip link add try type veth && ip link delete try";
        let begin = format!(
            "{ALONE} && {try_out} && ip link add switch up type bridge && ip address add {CENTRE}/24 dev switch"
        );
        match Network::new(&begin) {
            Ok(network) => Some(Self(network)),
            Err(refused) => {
                let why = String::from_utf8_lossy(&refused.stderr);
                let mut aloud = std::io::stderr();
                writeln!(
                    aloud,
                    "LEFT OUT: no network of its own may be made here ({}); as root it may",
                    why.trim()
                )
                .unwrap();
                None
            }
        }
    }

    pub(crate) fn network(&self) -> &Network {
        &self.0
    }

    /// A station with a cable to this; `number` is the last part of its address, from 2 on.
    pub(crate) fn station(&self, number: u8) -> Station {
        let (network, name) = (Network::new(ALONE).unwrap(), format!("cable{number}"));
        let peer = network.0.id();
        self.0.ip(&format!(
            "link add {name} up master switch type veth peer name cable netns {peer}"
        ));
        network.ip(&format!("address add 10.0.0.{number}/24 dev cable"));
        network.ip("link set cable up");
        Station { network, name }
    }

    /// Pulls the cable of a station: what either side sends is lost, and nobody is told.
    pub(crate) fn cut(&self, station: &Station) {
        self.0.ip(&format!("link set {} down", station.name));
    }

    /// Plugs it in again.
    pub(crate) fn mend(&self, station: &Station) {
        self.0.ip(&format!("link set {} up", station.name));
    }
}
