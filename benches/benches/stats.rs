//! How long does it take to fit a purchase model to many customers?
//!
//! Made-up customers of a shop after 39 weeks, days as units of time, one thread: BG/NBD on 1,000,000 of them and
//! Pareto/NBD on 100,000, from a list of histories to the fit, grouping included. The floor is one evaluation of BG/NBD's
//! likelihood, customer by customer as the paper writes it: what every fit does at every step that groups nothing and
//! shares nothing. With `--write FILE` the histories are written, for `benches/lifetimes/compare.py`.
//!
//! ```console
//! $ cargo bench -p tenure-benches --bench stats [-- --write FILE]
//! ```
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints, and may fail loudly")]

use std::fs::File;
use std::hint::black_box;
use std::io::{BufWriter, Write as _};

use tenure_benches::{Random, SEED, in_turns, median, seconds, verdict};
use tenure_stats::{BgNbd, Fitted, ParetoNbd, PurchaseModel, PurchaseSummary, Rows};

const RUNS: usize = 5;
const MANY: usize = 1_000_000;
const FEWER: usize = 100_000;

fn main() {
    let mut random = Random(SEED);
    let customers: Vec<_> = (0..MANY).map(|_| customer(&mut random)).collect();
    let fewer = customers.get(..FEWER).unwrap();
    let mut args = std::env::args().skip_while(|arg| arg != "--write").skip(1);
    if let Some(path) = args.next() {
        let mut file = BufWriter::new(File::create(path).unwrap());
        writeln!(file, "frequency,recency,T").unwrap();
        for PurchaseSummary { frequency, recency, age } in &customers {
            writeln!(file, "{frequency},{recency},{age}").unwrap();
        }
        file.flush().unwrap();
    }
    let rows = Rows::group(customers.iter().copied()).unwrap();
    println!("{MANY} customers, {} rows, seed {SEED}, {RUNS} runs in turns, medians", rows.len());
    let grouping =
        median((0..RUNS).map(|_| seconds(|| Rows::group(customers.iter().copied()).unwrap())).collect());
    println!("grouping: {grouping:.3} s");
    let (floor, bg) =
        in_turns(RUNS, || seconds(|| by_the_paper(&customers)), || seconds(|| bg_nbd(&customers)));
    let ratio = bg / floor;
    println!(
        "BG/NBD, {MANY}: {bg:.3} s; floor {floor:.3} s; ratio {ratio:.2} (gate 2: {}); {}",
        verdict(ratio, 2.0),
        found(bg_nbd(&customers))
    );
    // Of the whole process: the histories, their copies and the fits.
    if let Some(peak) = peak_memory() {
        println!("peak memory so far: {peak} MiB");
    }
    let (floor, pareto) =
        in_turns(RUNS, || seconds(|| by_the_paper(fewer)), || seconds(|| pareto_nbd(fewer)));
    let ratio = pareto / floor;
    println!(
        "Pareto/NBD, {FEWER}: {pareto:.3} s; floor {floor:.3} s; ratio {ratio:.1} (gate 30: {}); {}",
        verdict(ratio, 30.0),
        found(pareto_nbd(fewer))
    );
    let model = pareto_nbd(fewer).interior().unwrap().model;
    let answers = seconds(|| {
        for customer in fewer {
            black_box(model.p_no_purchase(*customer, 13.0).unwrap());
        }
    });
    println!("Pareto/NBD, P0 of one customer: {:.0} ns", answers * 1e9 / 1e5);
    let model = bg_nbd(&customers).interior().unwrap().model;
    let answers = seconds(|| {
        for customer in fewer {
            black_box(model.expected_purchases(*customer, 39.0).unwrap());
        }
    });
    println!("BG/NBD, expected purchases of one customer: {:.0} ns", answers * 1e9 / 1e5);
}

/// The most memory that the process has had, in MiB; none where the system does not say it.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? / 1_024)
}

fn bg_nbd(customers: &[PurchaseSummary]) -> Fitted<BgNbd> {
    BgNbd::fit(&Rows::group(customers.iter().copied()).unwrap()).unwrap()
}

fn pareto_nbd(customers: &[PurchaseSummary]) -> Fitted<ParetoNbd> {
    ParetoNbd::fit(&Rows::group(customers.iter().copied()).unwrap()).unwrap()
}

fn found<M: PurchaseModel>(fitted: Fitted<M>) -> String {
    let fit = fitted.interior().unwrap();
    let estimates =
        fit.estimates.iter().fold(String::new(), |text, e| format!("{text} {} {:.5}", e.name, e.value));
    format!("{} rows, {} steps:{estimates}", fit.rows, fit.iterations)
}

/// BG/NBD's likelihood at the parameters of CDNOW.
#[inline(never)]
fn by_the_paper(customers: &[PurchaseSummary]) -> f64 {
    let [r, alpha, a, b] = black_box([0.243, 4.414, 0.793, 2.426]);
    let mut sum = 0.0;
    for PurchaseSummary { frequency, recency, age } in customers {
        let x = f64::from(*frequency);
        let shared = libm::lgamma(r + x) - libm::lgamma(r) + libm::lgamma(a + b) + libm::lgamma(b + x)
            - libm::lgamma(b)
            - libm::lgamma(a + b + x)
            + r * libm::log(alpha);
        let here = -(r + x) * libm::log(alpha + age);
        let left = if *frequency == 0 {
            f64::NEG_INFINITY
        } else {
            libm::log(a) - libm::log(b + x - 1.0) - (r + x) * libm::log(alpha + recency)
        };
        let high = here.max(left);
        sum += shared + high + libm::log(libm::exp(here - high) + libm::exp(left - high));
    }
    sum
}

/// A customer like those of CDNOW, who came in the first twelve of 39 weeks: days on which they bought, in weeks.
fn customer(random: &mut Random) -> PurchaseSummary {
    let rate = gamma(random, 0.243) / (4.414 * 7.0);
    let (stays, leaves) = (gamma(random, 2.426), gamma(random, 0.793));
    let p_leave = leaves / (stays + leaves);
    let age = 273.0 - (unit(random) * 84.0).floor();
    let (mut now, mut last, mut frequency) = (0.0, 0.0, 0);
    loop {
        now -= unit(random).ln() / rate;
        if now >= age + 1.0 {
            break;
        }
        // Purchases of one day are one.
        let day = f64::floor(now);
        if day > last {
            last = day;
            frequency += 1;
        }
        if unit(random) < p_leave {
            break;
        }
    }
    PurchaseSummary { frequency, recency: last / 7.0, age: age / 7.0 }
}

/// In the open interval 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit a float exactly")]
fn unit(random: &mut Random) -> f64 {
    ((random.next() >> 11) as f64 + 0.5) / 9_007_199_254_740_992.0
}

/// Gamma with this shape and scale 1, by Marsaglia and Tsang.
fn gamma(random: &mut Random, shape: f64) -> f64 {
    let boost = if shape < 1.0 { unit(random).powf(1.0 / shape) } else { 1.0 };
    let d = if shape < 1.0 { shape + 1.0 } else { shape } - 1.0 / 3.0;
    loop {
        let x = (-2.0 * unit(random).ln()).sqrt() * (core::f64::consts::TAU * unit(random)).cos();
        let v = (1.0 + x / (9.0 * d).sqrt()).powi(3);
        if v > 0.0 && unit(random).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return boost * d * v;
        }
    }
}
