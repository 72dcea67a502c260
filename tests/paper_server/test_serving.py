"""The server on a socket, and the command as a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from callwright.bootstrap import open_desk
from callwright.errors import ConfigError, StorageError
from callwright.paper.exchange import PaperExchange
from callwright.paper.server.serving import listen, url_of
from desks import desk_settings, run_desk
from paper_exchange.steps import an_exchange
from paper_servers import ThreadServer, serving, serving_process

KEY = {"grant_type": "client_credentials", "client_id": "paper", "client_secret": "paper"}


class Desk:
    """A client with a token, as a desk would hold one."""

    def __init__(self, client: httpx.Client, **key: str) -> None:
        self.client = client
        granted = self.post("public/auth", **{**KEY, **key})
        client.headers["Authorization"] = f"Bearer {granted['access_token']}"

    def post(self, method: str, *, fault: str = "", **params: Any) -> Any:
        headers = {"X-Callwright-Fault": fault} if fault else {}
        reply = self.client.post(method, json={"id": 1, "params": params}, headers=headers)
        reply.raise_for_status()
        return reply.json()["result"]

    def sell_something(self, *, fault: str = "") -> str:
        """Sell the lot of some call at its bid; return the call's name."""
        rows = self.post("public/get_book_summary_by_currency", currency="BTC", kind="option")
        row = next(
            row
            for row in rows
            if row["instrument_name"].endswith("C") and 0.005 < (row["bid_price"] or 0) < 0.02
        )
        self.post(
            "private/sell",
            fault=fault,
            instrument_name=row["instrument_name"],
            amount=0.1,
            price=row["bid_price"],
            label="cw-1",
            time_in_force="immediate_or_cancel",
        )
        return str(row["instrument_name"])

    def found(self) -> list[Any]:
        rows: list[Any] = self.post(
            "private/get_order_state_by_label", currency="BTC", label="cw-1"
        )
        return rows


@contextmanager
def desk_on(url: str, **key: str) -> Iterator[Desk]:
    with httpx.Client(base_url=f"{url}/api/v2", trust_env=False, timeout=30) as client:
        yield Desk(client, **key)


def test_an_order_whose_reply_is_lost_has_been_taken(tmp_path: Path) -> None:
    with serving(tmp_path) as server, desk_on(server.url) as desk:
        with pytest.raises(httpx.RemoteProtocolError):
            desk.sell_something(fault="lose_reply")
        (order,) = desk.found()
        assert order["order_state"] == "filled"
        assert [len(server.ask(lambda exchange: exchange.positions()))] == [1]


def test_an_order_that_times_out_before_acceptance_has_not(tmp_path: Path) -> None:
    with serving(tmp_path) as server, desk_on(server.url) as desk:
        # The server gives up first.
        with pytest.raises(httpx.RemoteProtocolError):
            desk.sell_something(fault="timeout_before;seconds=0.05")
        # The client gives up first, and the server serves on.
        desk.client.timeout = httpx.Timeout(30, read=0.2)
        with pytest.raises(httpx.ReadTimeout):
            desk.sell_something(fault="timeout_before;seconds=60")
        assert desk.found() == []


def test_the_server_ends_although_somebody_waits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ThreadPoolExecutor() as pool:
        with serving(tmp_path) as server:
            idle = server.ask(tasks)
            waiting = pool.submit(
                httpx.get,
                f"{server.url}/api/v2/public/get_time",
                headers={"X-Callwright-Fault": "timeout_before;seconds=60"},
                timeout=30,
                trust_env=False,
            )
            while server.ask(tasks) == idle:
                time.sleep(0.01)
        with pytest.raises(httpx.RemoteProtocolError):
            waiting.result(30)
    assert capsys.readouterr().err == ""


def tasks(exchange: PaperExchange) -> int:
    return len(asyncio.all_tasks())


@pytest.mark.parametrize(("fault", "status"), [("error_after", 502), ("unavailable", 503)])
def test_a_failing_proxy_is_seen_as_one(tmp_path: Path, fault: str, status: int) -> None:
    with serving(tmp_path) as server, desk_on(server.url) as desk:
        with pytest.raises(httpx.HTTPStatusError) as caught:
            desk.sell_something(fault=fault)
        assert caught.value.response.status_code == status
        assert len(desk.found()) == (1 if fault == "error_after" else 0)


def test_a_plan_of_the_tests_own_works_without_the_header(tmp_path: Path) -> None:
    with serving(tmp_path, faults=False) as server, desk_on(server.url) as desk:
        desk.sell_something(fault="unavailable")
        server.faults.arm("lose_reply", "orders_by_label")
        with pytest.raises(httpx.RemoteProtocolError):
            desk.found()


def test_another_exchange_can_be_served(tmp_path: Path) -> None:
    with (
        serving(tmp_path, exchange=lambda faults: an_exchange(faults=faults)) as server,
        desk_on(server.url) as desk,
    ):
        assert desk.post("paper/info")["market"] == "steps"


def test_a_client_that_goes_away_leaves_no_trace(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(tmp_path) as server, desk_on(server.url) as desk:
        address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        with socket.create_connection(address) as connection:
            connection.sendall(b"POST /api/v2 HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{")
        desk.post("public/test")
    assert caplog.text == ""


def test_connections_are_kept(tmp_path: Path) -> None:
    with serving(tmp_path) as server, desk_on(server.url) as desk:
        for _ in range(3):
            desk.post("public/get_time")
        pool = desk.client._transport._pool  # type: ignore[attr-defined]
        assert len(pool.connections) == 1


def test_a_home_is_served_once_and_traded_on_by_nobody_else(tmp_path: Path) -> None:
    def serve_again() -> ThreadServer:
        with serving(tmp_path) as second:
            return second

    with serving(tmp_path):
        with pytest.raises(StorageError, match="another callwright"):
            serve_again()
        with (
            pytest.raises(StorageError, match="another callwright"),
            open_desk(desk_settings(tmp_path)),
        ):
            pass
    result, _ = run_desk(desk_settings(tmp_path), 1)
    assert result.ended_because == "cycles"


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "example.com", "", "::"])
def test_only_this_machine_is_listened_on(host: str) -> None:
    with pytest.raises(ConfigError, match="does not listen"):
        listen(host, 0)


def test_an_address_is_written_as_a_url() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert url_of(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"
    if socket.has_ipv6:
        with listen("::1", 0) as listener:
            assert url_of(listener) == f"http://[::1]:{listener.getsockname()[1]}"


def command(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "callwright", "paper", "serve", *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )


def test_the_command_serves_and_stops_and_finds_its_books_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving_process(home) as server:
        assert server.market == "synthetic:7"
        with desk_on(server.url) as desk:
            name = desk.sell_something()
            (position,) = desk.post("private/get_positions")
            # A second server on this home, and one on this port, are refused.
            again = command("--port", "0", "--home", str(home))
            assert (again.returncode, "another callwright" in again.stderr) == (1, True)
            port = server.url.rpartition(":")[2]
            taken = command("--port", port, "--home", str(tmp_path / "other"))
            assert (taken.returncode, "cannot listen" in taken.stderr) == (1, True)
            assert "Traceback" not in again.stderr + taken.stderr
            # It stops with a client still connected.
            assert server.stop() == 0
    with serving_process(home) as server:
        with desk_on(server.url) as desk:
            assert desk.post("private/get_positions") == [position]
            assert position["instrument_name"] == name
            desk.client.headers.pop("Authorization")
            assert desk.client.post("private/get_positions").status_code == 401
        server.kill()
    with serving_process(home) as server, desk_on(server.url) as desk:
        # The kernel has let go of the lock.
        assert desk.post("private/get_positions") == [position]


def test_the_command_ends_cleanly_on_ctrl_c(tmp_path: Path) -> None:
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "callwright", "paper", "serve", "--port", "0"),
            *("--home", str(tmp_path), "--market", "synthetic:3"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "synthetic:3" in line
        url = line.partition("PAPER_URL=")[2].split()[0]
        with desk_on(url) as desk:
            desk.post("public/get_time")
        process.send_signal(2)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "")


def test_the_commands_key_comes_from_the_environment(tmp_path: Path) -> None:
    options = ("--port", "0", "--home", str(tmp_path), "--json", "--client-id", "desk-1")
    alone = command(*options, DERIBIT_CLIENT_SECRET="")
    assert (alone.returncode, "DERIBIT_CLIENT_SECRET" in alone.stderr) == (2, True)
    with subprocess.Popen(
        [sys.executable, "-m", "callwright", "paper", "serve", *options],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "DERIBIT_CLIENT_SECRET": "of-the-desk"},
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "of-the-desk" not in line
        url = json.loads(line)["url"]
        with desk_on(url, client_id="desk-1", client_secret="of-the-desk") as desk:
            assert desk.post("private/get_positions") == []
        with pytest.raises(httpx.HTTPStatusError), desk_on(url):
            pass
        process.terminate()
        assert process.wait(60) == 0


@pytest.mark.parametrize("words", [("paper",), ("paper", "serve"), ()])
def test_help_imports_no_server(words: tuple[str, ...]) -> None:
    code = (
        "import sys\n"
        "from callwright.cli import main\n"
        f"sys.argv = ['callwright', *{words!r}, '--help']\n"
        "try:\n    main()\nexcept SystemExit as exc:\n    assert not exc.code, exc.code\n"
        "heavy = {'numpy', 'starlette', 'uvicorn', 'httpx', 'msgspec'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "paper" in done.stdout


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--host", "0.0.0.0"), 2, "does not listen"),
        (("--market", "nonsense"), 2, "is not a market"),
        (("--token-seconds", "0"), 2, ""),
    ],
)
def test_wrong_options_are_refused(
    tmp_path: Path, options: tuple[str, ...], code: int, words: str
) -> None:
    done = command("--port", "0", "--home", str(tmp_path), *options)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
