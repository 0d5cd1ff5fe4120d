//! What an instance accepts and refuses.

use super::*;

const NOW: Timestamp = Timestamp(1);

fn created() -> Event {
    Event::InstanceCreated {
        name: "Merlon".into(),
        default_org: OrgId::from_trusted("2"),
    }
}

fn set(on: bool) -> Event {
    Event::FeatureSet {
        feature: Feature::UserSchema,
        on,
    }
}

fn given<const N: usize>(events: [Event; N]) -> Instance {
    let mut instance = Instance::default();
    for event in events {
        instance.evolve(&event, NOW);
    }
    instance
}

fn wanted(on: bool) -> Command {
    Command::SetFeatures(Features {
        user_schema: Some(on),
    })
}

#[track_caller]
fn records<const N: usize>(instance: &Instance, command: Command, events: [Event; N]) {
    assert_eq!(instance.decide(command, NOW), Decision::accept(events));
}

#[track_caller]
fn refuses(instance: &Instance, command: Command, refusal: Refusal) {
    assert_eq!(instance.decide(command, NOW), Decision::refuse(refusal));
}

#[test]
fn an_instance_is_created_once() {
    let create = Command::Create {
        name: "Merlon".into(),
        default_org: OrgId::from_trusted("2"),
    };
    records(&given([]), create.clone(), [created()]);
    refuses(&given([created()]), create, Refusal::AlreadyExists);
}

#[test]
fn a_feature_that_nobody_set_is_as_it_is_built_in() {
    let fresh = given([created()]);
    assert_eq!(fresh.features.set(Feature::UserSchema), None);
    assert!(fresh.features.is_on(Feature::UserSchema));
    let off = given([created(), set(false)]);
    assert_eq!(off.features.set(Feature::UserSchema), Some(false));
    assert!(!off.features.is_on(Feature::UserSchema));
    assert_eq!(given([created(), set(false), Event::FeaturesReset]), fresh);
}

#[test]
fn setting_a_feature_to_what_it_is_set_to_changes_nothing() {
    records(&given([created()]), wanted(false), [set(false)]);
    records(&given([created(), set(false)]), wanted(false), []);
    records(&given([created(), set(false)]), wanted(true), [set(true)]);
    // What is built in can be set all the same, and holds whatever is built in later.
    records(&given([created()]), wanted(true), [set(true)]);
}

#[test]
fn setting_nothing_is_refused() {
    let nothing = Command::SetFeatures(Features::default());
    refuses(&given([created()]), nothing.clone(), Refusal::NoFeature);
    refuses(&given([created(), set(false)]), nothing, Refusal::NoFeature);
}

#[test]
fn features_are_reset_once() {
    records(
        &given([created(), set(true)]),
        Command::ResetFeatures,
        [Event::FeaturesReset],
    );
    records(&given([created()]), Command::ResetFeatures, []);
    let reset = given([created(), set(true), Event::FeaturesReset]);
    records(&reset, Command::ResetFeatures, []);
}

#[test]
fn what_is_not_there_has_no_features() {
    refuses(&given([]), wanted(true), Refusal::NotFound);
    refuses(&given([]), Command::ResetFeatures, Refusal::NotFound);
}

#[test]
fn events_are_as_they_were_released() {
    let all = [created(), set(false), Event::FeaturesReset];
    let lines: Vec<&str> = include_str!("golden.jsonl").lines().collect();
    let written: Vec<String> = all
        .iter()
        .map(|event| serde_json::to_string(event).unwrap())
        .collect();
    assert_eq!(
        written, lines,
        "a released event never changes; add a variant instead"
    );
    for (event, line) in all.iter().zip(lines) {
        assert!(line.contains(&format!("\"type\":\"{}\"", event.name())));
        assert_eq!(&serde_json::from_str::<Event>(line).unwrap(), event);
    }
}
