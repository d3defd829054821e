"""What every test may ask for: a database, a cache, a browser; and what a missing one means.

``--require=pg,valkey,browser`` (or ``all``) turns a skip for want of that part into a failure. The last
line of a run counts: ``passed 812, skipped 41 (no Chromium: apt install chromium)``.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from tests import servers

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from redis import Redis, RedisCluster

ROOT = Path(__file__).resolve().parent.parent
MARKED_FOLDERS = ("browser", "faults", "timing")
KEPT_SETTINGS = ("SECUREACCT_TEST_", "SECUREACCT_CHROMIUM")

os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(ROOT / ".local" / "cache" / "hypothesis"))
# A busy machine is not a failure. CI tries the same examples each time, everybody else new ones.
hypothesis.settings.register_profile(
    "secureacct",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
    print_blob=True,
)
hypothesis.settings.load_profile("secureacct")


# What a run needs


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require",
        default="",
        metavar="PARTS",
        help="parts whose absence fails instead of skips: pg,valkey,browser or all",
    )


def pytest_configure(config: pytest.Config) -> None:
    known = {*servers.PARTS, "all"}
    for part in _required(config) - known:
        raise pytest.UsageError(f"--require={part}: no such part; choose from {', '.join(sorted(known))}")
    for name in [name for name in os.environ if name.startswith("SECUREACCT_")]:
        if not name.startswith(KEPT_SETTINGS):  # the developer's own settings are not the tests'
            del os.environ[name]


def _required(config: pytest.Config) -> set[str]:
    return set(filter(None, str(config.getoption("--require")).split(",")))


def _is_required(config: pytest.Config, reason: str) -> bool:
    required = _required(config)
    if "all" in required and reason.startswith("could not import"):
        return True
    parts = servers.PARTS if "all" in required else required
    return any(servers.PARTS[part].missing == reason for part in parts)


def _refuse_skip(config: pytest.Config, report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and _is_required(config, reason := _reason(report)):
        report.outcome = "failed"
        report.longrepr = f"required, and missing: {reason}"


def _reason(report: Any) -> str:
    """Why a report is a skip, in the test's own words."""
    said = report.longrepr[2] if isinstance(report.longrepr, tuple) else getattr(report, "wasxfail", "")
    return str(said).removeprefix("Skipped: ")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _refuse_skip(item.config, report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse_skip(collector.config, report)
    return report


def pytest_unconfigure(config: pytest.Config) -> None:
    """Print the line of counts, after everything pytest has to say."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or config.getoption("collectonly"):
        return
    stats = reporter.stats
    counted = [f"passed {len(stats.get('passed', []))}"]
    if failed := len(stats.get("failed", [])) + len(stats.get("error", [])):
        counted.append(f"failed {failed}")
    if skipped := stats.get("skipped", []):
        reasons = Counter(_reason(report) for report in skipped)
        counted.append(f"skipped {len(skipped)} ({'; '.join(sorted(reasons))})")
    reporter.write_line(", ".join(counted))


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test bears the mark of its folder, so ``-m browser`` needs no line in each file."""
    for item in items:
        folder = (
            item.path.relative_to(ROOT / "tests").parts[0] if item.path.is_relative_to(ROOT / "tests") else ""
        )
        if folder in MARKED_FOLDERS:
            item.add_marker(folder)


# Servers


@pytest.fixture(scope="session")
def pg_url() -> Iterator[str]:
    """A PostgreSQL server for this run: the SQLAlchemy URL of its maintenance database."""
    with servers.postgres() as url:
        yield url


@pytest.fixture
def pg_database(pg_url: str) -> Iterator[str]:
    """The URL of a new, empty PostgreSQL database for this test."""
    with servers.fresh_database(pg_url) as url:
        yield url


@pytest.fixture(scope="module")
def pg_module_database(pg_url: str) -> Iterator[str]:
    """The URL of a new PostgreSQL database that the tests of one module share."""
    with servers.fresh_database(pg_url) as url:
        yield url


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """A Valkey server for this run: its ``unix://`` URL, for clients of your own making."""
    with servers.valkey() as url:
        yield url


@pytest.fixture
def valkey_client(valkey_url: str) -> Iterator[Redis]:
    """A blocking client of an emptied Valkey."""
    import redis

    with redis.Redis.from_url(valkey_url) as client:
        client.flushdb()
        yield client


@pytest.fixture(scope="session")
def cluster_url() -> Iterator[str]:
    """A Valkey cluster of three for this run: the URL of one of its members."""
    from tests import valkey_kit

    with valkey_kit.cluster() as member:
        yield member.url


@pytest.fixture
def cluster_client(cluster_url: str) -> Iterator[RedisCluster]:
    """A blocking client of an emptied Valkey cluster."""
    import redis

    with redis.RedisCluster.from_url(cluster_url) as client:
        client.flushall(target_nodes="primaries")
        yield client
        client.disconnect_connection_pools()  # one made from a URL leaves them open when it is closed


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A running Chromium. Per module, since Playwright keeps an event loop running in this thread:
    a module that uses it cannot also call ``asyncio.run``."""
    with servers.browser() as running:
        yield running


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Tests marked ``anyio`` run on asyncio."""
    return "asyncio"
