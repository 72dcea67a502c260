"""A back-test trades paper money in this process, whatever the configuration says."""

from __future__ import annotations

import json
from pathlib import Path

from commands import callwright
from llm_servers import llm_server, well_behaved
from paper_servers import serving


def test_a_backtest_reaches_no_account_and_asks_no_model(tmp_path: Path) -> None:
    with llm_server(well_behaved()) as model, serving(tmp_path / "exchange") as server:
        before = server.ask(lambda exchange: exchange.now)
        done = callwright(
            *("backtest", "--seeds", "1-2", "--cycles", "3", "--jobs", "2", "--json"),
            cwd=tmp_path,
            VENUE="deribit-testnet",
            PAPER_URL=server.url,
            DERIBIT_BASE_URL=f"{server.url}/api/v2",
            DERIBIT_CLIENT_ID="paper",
            DERIBIT_CLIENT_SECRET="paper",
            LLM_ENABLED="true",
            LLM_BASE_URL=model.url,
            LLM_ALLOW_PRIVATE_NETWORK="true",
        )
        assert done.returncode == 0, done.stderr
        assert server.ask(lambda exchange: exchange.now) == before
        assert server.ask(lambda exchange: exchange.is_fresh)
        assert model.requests == []
    runs = [json.loads(line) for line in done.stdout.splitlines()]
    assert [run["market"] for run in runs] == ["synthetic:1", "synthetic:2"]
    assert all(run["violations"] == [] for run in runs)
