//! The benchmark: drives a real server over loopback and prints what it does next to what this machine can do at all.
//! It is no test: it judges nothing that a busy machine could fail, unless a person asks it to.

mod api;
mod args;
mod away;
mod drive;
mod floor;
mod goal;
mod growth;
mod grpc;
mod http1;
mod ledger;
mod nodes;
mod people;
mod process;
mod report;
mod run;
mod seed;
mod server;

use std::{io::Write, process::ExitCode};

use clap::Parser;

use args::{Args, Part, Plan};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    if let Some(Part::Echo { listen }) = args.part {
        floor::echo::serve(listen).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let plan = Plan::of(&args)?;
    if let Some(Part::Growth { sizes }) = &args.part {
        let sizes = if plan.smoke { &[20, 60][..] } else { sizes };
        let text = growth::text(&growth::measure(&plan, sizes).await?);
        std::io::stdout().write_all(text.as_bytes())?;
        let most = sizes.last().copied().unwrap_or_default();
        let text = seed::text(most, &seed::measure(&plan, most).await?);
        std::io::stdout().write_all(text.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(Part::Nodes) = &args.part {
        let text = nodes::text(&nodes::measure(&plan).await?);
        std::io::stdout().write_all(text.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let smoke = plan.smoke;
    let (ledger, once) = run::run(plan).await?;
    let goals = if smoke {
        Vec::new()
    } else {
        goal::judge(&ledger, &once)
    };
    if let Some(file) = &args.json {
        report::write_json(file, &ledger, &goals)?;
    }
    let text = report::text(&ledger, &once, (!smoke).then_some(&goals));
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
