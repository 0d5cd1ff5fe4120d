//! The rules of intents, told as: given what happened, when somebody asks, then this is recorded and answered.

use super::*;
use crate::base::Forgettable;

const NOW: Timestamp = Timestamp(1_700_000_000_000_000);

fn started() -> Event {
    Event::IdpIntentStarted {
        idp: IdpId::from_trusted("3"),
        urls: ReturnUrls {
            success: "https://a.example/ok".into(),
            failure: "https://a.example/no".into(),
        },
        state: Digest([1; 32]),
        flow: Personal::Known(SealedSecret::new("flow")),
    }
}

fn succeeded() -> Event {
    Event::IdpIntentSucceeded {
        token: Digest([2; 32]),
        outcome: Personal::Known(SealedSecret::new("outcome")),
    }
}

fn when(events: &[Event], after: Span, command: Command) -> Decision<Event, Refusal> {
    let mut state = IdpIntent::default();
    for event in events {
        state.evolve(event, NOW);
    }
    state.decide(command, NOW + after)
}

fn come(secret: u8) -> Command {
    Command::Return {
        state: Digest([secret; 32]),
    }
}

fn ask(secret: u8) -> Command {
    Command::Tell {
        token: Digest([secret; 32]),
    }
}

fn succeed() -> Command {
    Command::Succeed {
        token: Digest([2; 32]),
        outcome: SealedSecret::new("outcome"),
    }
}

const SOON: Span = Span::seconds(1);
const RETURNED: Event = Event::IdpIntentReturned;

#[test]
fn a_person_comes_back_once_in_time_and_with_the_secret() {
    assert_eq!(when(&[started()], SOON, come(1)), Decision::accept([RETURNED]));
    assert_eq!(
        when(&[started()], SOON, come(9)),
        Decision::refuse(Refusal::Unknown)
    );
    assert_eq!(
        when(&[started()], WAITS, come(1)),
        Decision::refuse(Refusal::Expired)
    );
    assert_eq!(when(&[], SOON, come(1)), Decision::refuse(Refusal::Unknown));
    for later in [
        succeeded(),
        Event::IdpIntentFailed {
            reason: Failure::Denied,
        },
        RETURNED,
    ] {
        let events = [started(), RETURNED, later];
        assert_eq!(
            when(&events, SOON, come(1)),
            Decision::refuse(Refusal::NotSucceeded)
        );
        assert_eq!(when(&events, SOON, come(9)), Decision::refuse(Refusal::Unknown));
    }
}

#[test]
fn only_who_came_back_succeeds_or_fails_and_once() {
    let returned = [started(), RETURNED];
    assert_eq!(when(&returned, SOON, succeed()), Decision::accept([succeeded()]));
    let failed = Event::IdpIntentFailed {
        reason: Failure::Untrusted,
    };
    assert_eq!(
        when(&returned, SOON, Command::Fail(Failure::Untrusted)),
        Decision::accept([failed.clone()])
    );
    for events in [
        vec![started()],
        vec![started(), RETURNED, failed],
        vec![started(), RETURNED, succeeded()],
    ] {
        assert_eq!(
            when(&events, SOON, succeed()),
            Decision::refuse(Refusal::NotSucceeded)
        );
        let fail = Command::Fail(Failure::Refused);
        assert_eq!(when(&events, SOON, fail), Decision::refuse(Refusal::NotSucceeded));
    }
}

#[test]
fn an_outcome_is_told_once_in_time_and_to_its_token() {
    let done = [started(), RETURNED, succeeded()];
    assert_eq!(
        when(&done, SOON, ask(2)),
        Decision::accept([Event::IdpIntentTold])
    );
    assert_eq!(
        when(&done, SOON, ask(1)),
        Decision::refuse(Refusal::Unknown),
        "the state is no token"
    );
    assert_eq!(when(&done, TELLS, ask(2)), Decision::refuse(Refusal::Expired));
    let told = [started(), RETURNED, succeeded(), Event::IdpIntentTold];
    assert_eq!(when(&told, SOON, ask(2)), Decision::refuse(Refusal::NotSucceeded));
    assert_eq!(when(&told, SOON, ask(1)), Decision::refuse(Refusal::Unknown));
    for early in [vec![], vec![started()], vec![started(), RETURNED]] {
        assert_eq!(when(&early, SOON, ask(2)), Decision::refuse(Refusal::Unknown));
    }
}

#[test]
fn an_intent_is_forgotten_after_a_day_and_not_before() {
    for events in [vec![started()], vec![started(), RETURNED, succeeded()]] {
        assert_eq!(when(&events, SOON, Command::Forget), Decision::accept([]));
        let forgotten = Decision::accept([Event::IdpIntentForgotten]);
        assert_eq!(when(&events, KEPT, Command::Forget), forgotten);
    }
}

#[test]
fn events_are_written_as_they_always_were() {
    let all = [
        started(),
        RETURNED,
        succeeded(),
        Event::IdpIntentFailed {
            reason: Failure::Untrusted,
        },
        Event::IdpIntentTold,
        Event::IdpIntentForgotten,
    ];
    let lines: Vec<&str> = include_str!("golden.jsonl").lines().collect();
    let written: Vec<String> = all.iter().map(|e| serde_json::to_string(e).unwrap()).collect();
    assert_eq!(
        written, lines,
        "a released event never changes; add a variant instead"
    );
    for (event, line) in all.iter().zip(lines) {
        let mut read: Event = serde_json::from_str(line).unwrap();
        assert!(line.contains(&format!("\"type\":\"{}\"", event.name())));
        if let Some(personal) = event.personal() {
            read.restore(&personal);
        }
        assert_eq!(&read, event);
    }
}
