"""The connection to AWS: clients by account and region, calls that are counted, errors that name the permission."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import RLock
from typing import Any, TypeVar

from connectors.aws.failures import errors
from connectors.aws.settings import AwsSettings
from finops.connect import Counts
from finops.errors import SourceError

SESSION_NAME = "finops"
Item = TypeVar("Item")
Answer = TypeVar("Answer")

PREFIXES = {"elb": "elasticloadbalancing", "elbv2": "elasticloadbalancing", "opensearch": "es"}
"""Services whose permissions bear another name than their client."""

ACTIONS = {
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListBuckets": "s3:ListAllMyBuckets",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:DeleteBucketLifecycle": "s3:PutLifecycleConfiguration",
}
"""Operations whose permission bears another name (AWS Service Authorization Reference)."""


TIMES = 8192
"""Times that are kept while answers are read: 90 days by the hour are 2,160."""

GLOBAL = "global"
"""The place of what lies in no region (buckets, savings plans)."""


def by_region(connection: Connection) -> dict[str, Connection]:
    """Each region that any account has, alone."""
    return {region: connection.narrowed(region) for region in sorted({region for _, region in connection.places()})}


def by_region_and_global(connection: Connection) -> dict[str, Connection]:
    return {**by_region(connection), GLOBAL: connection.narrowed(GLOBAL)}


def action(service: str, operation: str) -> str:
    """The permission that an operation needs, as policies name it."""
    name = f"{PREFIXES.get(service, service)}:{operation}"
    return ACTIONS.get(name, name)


@dataclass(frozen=True, slots=True)
class Account:
    """An account that is read: the role to assume in it, '' for the connection's own credentials."""

    id: str
    role: str = ""


@dataclass(slots=True)
class Connection:
    """One source. Clients are made when first used, and shared by threads."""

    settings: AwsSettings
    counts: Counts
    only: str = ""  # the one region that is read, or GLOBAL; '' is all of it
    _clients: dict[tuple[str, str, str], Any] = field(default_factory=dict)
    _sessions: dict[str, Any] = field(default_factory=dict)
    _known: dict[str, Any] = field(default_factory=dict)
    _lock: RLock = field(default_factory=RLock)

    def call(
        self, service: str, operation: str, *, region: str = "", role: str = "", units: int = 1, **parameters: Any
    ) -> dict[str, Any]:
        """One call, which counts as `units`. Raises AccessError (names the permission), RetriableError, SourceError."""
        from botocore import xform_name

        region = region or self.settings.home_region
        name = action(service, operation)
        with errors(name, region, self.secrets):
            client = self.client(service, region, role)
            self.counts(name, units)
            answer: dict[str, Any] = getattr(client, xform_name(operation))(**parameters)
            return answer

    def pages(
        self,
        service: str,
        operation: str,
        *,
        token: tuple[str, str] = ("NextToken", "NextToken"),
        region: str = "",
        role: str = "",
        units: int = 1,
        **parameters: Any,
    ) -> Iterator[dict[str, Any]]:
        """Every page. `token`: the parameter, and the field of the answer. Raises SourceError where a token comes twice."""
        asked, answered = token
        seen: set[str] = set()
        while True:
            page = self.call(service, operation, region=region, role=role, units=units, **parameters)
            yield page
            following = page.get(answered)
            if not following:
                return
            if following in seen:
                what = f"{action(service, operation)} answered with one page token twice: its pages have no end"
                raise SourceError(what, where=region or self.settings.home_region, hint="run the load again")
            seen.add(following)
            parameters[asked] = following

    def client(self, service: str, region: str, role: str = "") -> Any:
        """A client of the service. Errors are botocore's."""
        with self._lock:
            key = (service, region, role)
            if key not in self._clients:
                session = self._session(role or self.settings.role_arn or "")
                self._clients[key] = session.client(
                    service, region_name=region, endpoint_url=self._endpoint(service), config=self._config()
                )
            return self._clients[key]

    def accounts(self) -> tuple[Account, ...]:
        """The accounts of utilization and inventory."""
        if self.settings.member_roles:
            return tuple(Account(role.split(":")[4], role) for role in self.settings.member_roles)
        return (Account(self.own_account),)

    @property
    def own_account(self) -> str:
        """The account of the credentials."""
        return str(self._identity["Account"])

    @property
    def partition(self) -> str:
        """`aws`, `aws-cn`, `aws-us-gov`, …: the second part of every ARN."""
        return str(self._identity["Arn"]).split(":")[1]

    @property
    def _identity(self) -> dict[str, Any]:
        """It needs no permission."""
        found: dict[str, Any] = self.once("identity", lambda: self.call("sts", "GetCallerIdentity"))
        return found

    def once(self, name: str, ask: Callable[[], Any]) -> Any:
        """What the source says of this, asked when first wanted; its regions share it."""
        with self._lock:
            if name not in self._known:
                self._known[name] = ask()
            return self._known[name]

    def map(self, ask: Callable[[Item], Answer], items: Iterable[Item]) -> list[Answer]:
        """Answers in the items' order, so many at once as the settings allow. The first error ends it."""
        with ThreadPoolExecutor(max_workers=self.settings.concurrency) as pool:
            return list(pool.map(ask, items))

    def regions(self, role: str = "") -> tuple[str, ...]:
        """The regions that are set, or else those that the account has enabled."""
        if self.settings.regions:
            return tuple(self.settings.regions)
        answer = self.once(f"regions {role}", lambda: self.call("ec2", "DescribeRegions", role=role))
        return tuple(sorted(region["RegionName"] for region in answer["Regions"]))

    def places(self) -> list[tuple[Account, str]]:
        """Each account with each of its regions that is read."""
        every = ((account, region) for account in self.accounts() for region in self.regions(account.role))
        return [(account, region) for account, region in every if self.only in ("", region)]

    def offers(self, service: str, region: str) -> bool:
        """Whether the service is in the region, as far as this SDK knows; an endpoint of one's own is everywhere."""
        if self._endpoint(service):
            return True
        partition = self.partition
        with self._lock:
            return region in self._session(self.settings.role_arn or "").get_available_regions(service, partition)

    @property
    def is_global(self) -> bool:
        """Whether what lies in no region is read."""
        return self.only in ("", GLOBAL)

    def narrowed(self, only: str) -> Connection:
        """The same with one region, or with what lies in none."""
        return replace(self, only=only)

    def _endpoint(self, service: str) -> str | None:
        return self.settings.endpoint_urls.get(service) or self.settings.endpoint_url

    def _config(self) -> Any:
        from botocore.config import Config

        return Config(
            retries={"mode": "standard", "total_max_attempts": self.settings.retries},
            connect_timeout=self.settings.timeout_s,
            read_timeout=self.settings.timeout_s,
            max_pool_connections=max(10, self.settings.concurrency),
            user_agent_extra="finops",
        )

    def _session(self, role: str) -> Any:
        import boto3
        from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

        if role not in self._sessions:
            own = boto3.Session(botocore_session=_core(), profile_name=self.settings.profile)
            if role:
                parent = self._session(self.settings.role_arn or "") if role != self.settings.role_arn else own
                fetcher = AssumeRoleCredentialFetcher(
                    client_creator=functools.partial(
                        _created, parent, self.settings.home_region, self._endpoint("sts"), self._config()
                    ),
                    source_credentials=parent.get_credentials(),
                    role_arn=role,
                    extra_args={"RoleSessionName": SESSION_NAME}
                    | ({"ExternalId": self.settings.external_id} if self.settings.external_id else {}),
                )
                core = _core()
                core._credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
                own = boto3.Session(botocore_session=core)
            self._sessions[role] = own
        return self._sessions[role]

    def secrets(self) -> tuple[str, ...]:
        """What no message may hold."""
        found: list[str | None] = []
        for session in self._sessions.values():
            try:
                credentials = session.get_credentials()
                held = credentials.get_frozen_credentials() if credentials is not None else None
            except Exception:  # noqa: S112 — a role that is refused has given no credentials
                continue
            if held is not None:
                found += [held.access_key, held.secret_key, held.token]
        return tuple(value for value in found if value)


def _core() -> Any:
    """botocore's session, whose answers have times in UTC: one object for a time that comes often, as in series of metrics."""
    from botocore.session import get_session
    from botocore.utils import parse_timestamp

    @functools.lru_cache(maxsize=TIMES)
    def moment(value: str | float) -> datetime:
        found: datetime = parse_timestamp(value)
        return found.astimezone(UTC)

    core = get_session()
    core.register_component("data_loader", _descriptions(core.get_config_variable("data_path")))
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=moment)
    return core


@functools.cache
def _descriptions(path: str | None) -> Any:
    """The descriptions of services, which all sessions share: each role has one, and EC2's description alone takes 29 MB."""
    from botocore.loaders import create_loader

    return create_loader(path)


def _created(session: Any, region: str, endpoint: str | None, config: Any, service: str, **given: Any) -> Any:
    """A client as `AssumeRoleCredentialFetcher` asks for one: with the source's credentials, at our endpoint."""
    given = {name: value for name, value in given.items() if name.startswith("aws_")}
    return session.client(service, region_name=region, endpoint_url=endpoint, config=config, **given)
