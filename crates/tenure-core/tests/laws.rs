//! The laws on the log in memory: for a projection that forgets nothing, and for the standard ones.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use proptest::prelude::*;
use proptest::sample::Index;
use tenure_core::fold::{Partition, Projection, fold};
use tenure_core::log::{Append, Log};
use tenure_core::projection::churn::{Band, Churn};
use tenure_core::projection::consent::Consents;
use tenure_core::projection::contact::LastContact;
use tenure_core::projection::identities::Identities;
use tenure_core::projection::owner::Owner;
use tenure_core::projection::profile::Profile;
use tenure_core::projection::rfm::Rfm;
use tenure_core::projection::stage::{StageMachine, StageOutlook, StageTail, Timeline};
use tenure_core::projection::tags::Tags;
use tenure_core::report::churn::{Warnings, Watched};
use tenure_core::report::quality::{CustomerQuality, LogQuality, QualityPolicy};
use tenure_core::report::rfm::RfmReport;
use tenure_core::report::risk::Risks;
use tenure_core::report::stages::StageDwell;
use tenure_core::{Duration, Event, Policy, Timestamp};
use tenure_testkit::churn_laws;
use tenure_testkit::laws::{self, InMemory};
use tenure_testkit::stage_strategies::{stage_history, stage_policy};
use tenure_testkit::strategies::{delivered, facts, instant};
use tenure_testkit::{Everybody, Everything};

/// Everything that a customer's answer is made of, under a preset.
fn standard(preset: &str) -> (StageMachine, Timeline, Rfm, Relationship, Churn, LastContact) {
    let policy = Policy::preset(preset).unwrap();
    let machine = policy.stages().unwrap();
    let (rfm, churn) = (policy.rfm().unwrap(), policy.churn().unwrap());
    (machine.clone(), Timeline::new(machine), rfm, RELATIONSHIP, churn, LastContact)
}

/// What is known of a customer under any policy; tags that are wanted, and tags that are not.
type Relationship = (Profile, Option<Tags>, Owner, Identities, Consents, Option<Tags>);

const RELATIONSHIP: Relationship = (Profile, Some(Tags), Owner, Identities, Consents, None);

fn preset() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&Policy::PRESETS[..])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn l1_any_order_of_arrival_folds_to_the_same_states((facts, batches) in delivered(30), preset in preset()) {
        laws::converges(&Everything, &InMemory, &facts, &batches)?;
        laws::converges(&standard(preset), &InMemory, &facts, &batches)?;
    }

    #[test]
    fn l2_as_of_is_a_cut_of_the_facts((_, batches) in delivered(30), at in instant(), preset in preset()) {
        laws::as_of_is_a_cut(&Everything, &InMemory, &batches, at)?;
        laws::as_of_is_a_cut(&standard(preset), &InMemory, &batches, at)?;
    }

    #[test]
    fn l2_known_at_is_a_prefix_of_the_log((_, batches) in delivered(30), count in any::<Index>(), preset in preset()) {
        let count = count.index(batches.len() + 1);
        laws::known_at_is_a_prefix(&Everything, &InMemory, &batches, count)?;
        laws::known_at_is_a_prefix(&standard(preset), &InMemory, &batches, count)?;
    }

    #[test]
    fn l2_incremental_states_are_those_of_a_replay((_, batches) in delivered(30), preset in preset()) {
        laws::incremental_equals_replay(&Everything, &batches)?;
        laws::incremental_equals_replay(&standard(preset), &batches)?;
    }

    #[test]
    fn l3_a_fold_resumes_from_a_snapshot(facts in facts(30), cut in 0_usize..40, preset in preset()) {
        laws::resumes(&Everything, &InMemory, &facts, cut)?;
        laws::resumes(&standard(preset), &InMemory, &facts, cut)?;
    }

    #[test]
    fn l4_reports_of_partitions_add_up((_, batches) in delivered(30), at in instant(), preset in preset()) {
        laws::parts_add_up(&Everything, &Everybody, &InMemory, &batches, at)?;
        let (machine, timeline, rfm, _, churn, _) = standard(preset);
        laws::parts_add_up(&timeline, &StageDwell { policy: machine.policy() }, &InMemory, &batches, at)?;
        laws::parts_add_up(&rfm, &RfmReport::new(&rfm, at), &InMemory, &batches, at)?;
        let quality = QualityPolicy { required: vec!["a".into(), "email".into()], ..QualityPolicy::default() };
        let quality = CustomerQuality { policy: &quality };
        laws::parts_add_up(&(Profile, Identities), &quality, &InMemory, &batches, at)?;
        let outlook = StageOutlook { machine: &machine, horizon: Duration::days(400) };
        let policy = machine.policy();
        if let Some(stage) = policy.find("churned") {
            let risks = Risks { policy, stage, as_of: at, most: 2 };
            laws::parts_add_up(&(outlook, &rfm), &risks, &InMemory, &batches, at)?;
        }
        let value = Policy::preset(preset).unwrap().value_at_risk().unwrap();
        let watched: Watched = (churn.clone(), Some(machine.clone()), value, LastContact, Owner);
        let stage = policy.find("active");
        for (stage, bands) in [(None, &[][..]), (stage, &[Band::Low, Band::High][..])] {
            let warnings = Warnings { churn: &churn, stages: Some(&machine), stage, bands, most: 2 };
            laws::parts_add_up(&watched, &warnings, &InMemory, &batches, at)?;
        }
    }

    #[test]
    fn l4_the_quality_of_a_log_is_that_of_its_customers_merged((_, batches) in delivered(30), of in 1_u32..5) {
        let mut log = Log::new();
        for batch in batches {
            // Refused together or taken together: what is in the log is what counts.
            let _ = log.append(&Append::new(batch), Timestamp::MIN);
        }
        let mut whole = LogQuality::default();
        log.facts().for_each(|fact| whole.add(&fact));
        let mut merged = LogQuality::default();
        for part in Partition::split(of) {
            let mut own = LogQuality::default();
            log.facts().filter(|fact| part.holds(fact.event.customer)).for_each(|fact| own.add(&fact));
            own.merge(merged);
            merged = own;
        }
        prop_assert_eq!(merged.finish(), whole.finish());
    }

    #[test]
    fn l5_silence_is_foretold((_, batches) in delivered(30), days in 0_u32..200, preset in preset()) {
        laws::silence_is_foretold(&standard(preset).0, &InMemory, &batches, Duration::days(days))?;
    }

    #[test]
    fn l5_silence_is_foretold_under_any_policy(policy in stage_policy(), facts in stage_history(), days in 0_u32..20) {
        laws::silence_is_foretold(&StageMachine::new(policy), &InMemory, &[facts], Duration::days(days))?;
    }

    #[test]
    fn l5_l6_l7_a_score_is_foretold_monotone_and_explained(
        (_, batches) in delivered(30), days in 0_u32..200, worse in 1_i64..10_000_000_000_000, preset in preset()
    ) {
        let churn = standard(preset).4;
        churn_laws::points_are_foretold(&churn, &InMemory, &batches, Duration::days(days))?;
        churn_laws::worse_is_never_better(&churn, &InMemory, &batches, worse)?;
        churn_laws::contributions_add_up(&churn, &InMemory, &batches, Duration::days(days))?;
    }

    #[test]
    fn l7_l8_changes_are_explained_and_legal((_, batches) in delivered(30), preset in preset()) {
        laws::changes_are_explained_and_legal(&standard(preset).0, &InMemory, &batches)?;
    }

    #[test]
    fn l7_l8_changes_are_explained_and_legal_under_any_policy(policy in stage_policy(), facts in stage_history()) {
        laws::changes_are_explained_and_legal(&StageMachine::new(policy), &InMemory, &[facts])?;
    }

    #[test]
    fn l9_a_voided_fact_was_never_there((_, batches) in delivered(30), preset in preset()) {
        laws::voided_is_never_recorded(&Everything, &InMemory, &batches)?;
        laws::voided_is_never_recorded(&standard(preset), &InMemory, &batches)?;
    }

    #[test]
    fn a_tail_goes_on_as_the_timeline_does(policy in stage_policy(), facts in stage_history(), cut in any::<Index>()) {
        let tail = StageTail::new(StageMachine::new(policy));
        let timeline = tail.timeline();
        let (before, after) = facts.split_at(cut.index(facts.len()));
        let kept = fold(&tail, before.iter().map(Event::view));
        prop_assert!(tail.fits(&kept));
        let mut state = kept;
        for fact in after {
            timeline.apply(&mut state, &fact.view());
        }
        let whole = fold(timeline, facts.iter().map(Event::view));
        let last = before.last().map_or(Timestamp::MIN, Event::occurred_at);
        let mut expected = timeline.view(&whole, Timestamp::MAX);
        expected.retain(|change| change.at >= last);
        prop_assert_eq!(timeline.view(&state, Timestamp::MAX), expected);
    }
}
