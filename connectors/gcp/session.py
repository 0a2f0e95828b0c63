"""The connection to Google Cloud: credentials, queries that are priced before they run, pages that have an end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import BoundedSemaphore, RLock
from typing import Any

from connectors.gcp.failures import errors
from connectors.gcp.settings import GcpSettings
from finops.connect import Counts
from finops.errors import ConfigError, SourceError

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
PAGE_ROWS = 10_000
"""Rows asked for at once; Google answers with fewer where they are more than 10 MB."""

LEAST_BYTES = 10 << 20
"""What a query is billed for at least, a table (https://cloud.google.com/bigquery/pricing, as of 2026-11)."""

HEAVY_PAGES = 3
"""Pages of 100,000 points that are asked for and read at once, whatever `concurrency` is: each is some forty megabytes."""

THROTTLED = (429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Query:
    """A statement and its parameters: name, type, value. `location`: where its tables lie."""

    sql: str
    parameters: tuple[tuple[str, str, str | datetime], ...]
    location: str
    where: str


@dataclass(slots=True)
class Connection:
    """One source. Clients are made when first used, and shared by threads.

    heavy     who may hold a page of points
    read_api  whether results may be read through the Storage Read API: until it is denied
    """

    settings: GcpSettings
    counts: Counts
    read_api: bool = True
    heavy: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(HEAVY_PAGES))
    _known: dict[str, Any] = field(default_factory=dict)
    _lock: RLock = field(default_factory=RLock)

    def table(self, name: str) -> Any:
        """A table's description."""
        project, dataset, table = table_name(name)
        path = f"{project}.{dataset}.{table}"
        with errors("bigquery.tables.get", path, self.secrets):
            client = self.bigquery()
            self.counts("bigquery.tables.get")
            return client.get_table(path, retry=self._retry())

    def bytes(self, query: Query) -> int:
        """What the query will be billed for, by a dry run. Raises ConfigError where it is more than allowed."""
        with errors("bigquery.jobs.create", query.where, self.secrets):
            client = self.bigquery()
            self.counts("bigquery.jobs.create", 0)
            job = client.query(
                query.sql,
                job_config=self._config(query, dry_run=True),
                location=query.location,
                retry=self._retry(),
                job_retry=None,
            )
        processed = int(job.total_bytes_processed)
        most = self.settings.max_bytes_billed
        if processed > most:
            what = f"one query would read {processed:,} bytes, more than {most:,}"
            hint = "a higher `max_bytes_billed`, or fewer `history_days`, in finops.toml"
            raise ConfigError(what, where=query.where, hint=hint)
        return max(processed, LEAST_BYTES)

    def run(self, query: Query) -> Any:
        """The job of a query that was run. It is counted as the bytes that it is billed for."""
        with errors("bigquery.jobs.create", query.where, self.secrets):
            job = self.bigquery().query(
                query.sql, job_config=self._config(query), location=query.location, retry=self._retry(), job_retry=None
            )
        with errors("bigquery.tables.getData", query.where, self.secrets):
            job.result(retry=self._retry(), job_retry=None)  # without rows: a job keeps what came with its end
        self.counts("bigquery.jobs.create", int(job.total_bytes_billed or 0))
        return job

    def total(self, job: Any, where: str) -> int:
        """Rows of a job's result."""
        with errors("bigquery.tables.getData", where, self.secrets):
            return int(self._result(job).total_rows)

    def rows(self, query: Query) -> Iterator[tuple[Any, ...]]:
        """All rows of a query's small result."""
        for _, page in self.pages(self.run(query), query.where):
            yield from page

    def pages(self, job: Any, where: str) -> Iterator[tuple[Sequence[Any], list[tuple[Any, ...]]]]:
        """Every page of a job's result, with its schema. Raises SourceError where a token comes twice."""
        seen: set[str] = set()
        with errors("bigquery.tables.getData", where, self.secrets):
            result = self._result(job)
            for page in result.pages:
                self.counts("bigquery.tables.getData")
                yield result.schema, [row.values() for row in page]
                token = result.next_page_token
                if token in seen:
                    what = "bigquery.tables.getData answered with one page token twice: its pages have no end"
                    raise SourceError(what, where=where, hint="run the load again")
                if token:
                    seen.add(token)

    def bigquery(self) -> Any:
        """The client of BigQuery. Errors are the SDK's."""
        from google.cloud import bigquery

        def made() -> Any:
            endpoint = self.settings.endpoint_urls.get("bigquery")
            return bigquery.Client(
                project=self.project,
                credentials=self.credentials(),
                _http=self.http(),
                client_options={"api_endpoint": endpoint} if endpoint else None,
            )

        return self.kept("bigquery", made)

    def kept(self, name: str, make: Callable[[], Any]) -> Any:
        """What is made once a connection."""
        with self._lock:
            if name not in self._known:
                self._known[name] = make()
            return self._known[name]

    @property
    def project(self) -> str:
        """The project that queries run in."""
        self.credentials()
        project = self.settings.project or self._known["project"]
        if not project:
            raise ConfigError("the credentials name no project", where="project", hint='project = "…" in finops.toml')
        return str(project)

    def scopes(self) -> tuple[str, ...]:
        """Organizations, folders and projects that are read. Raises ConfigError."""
        named = tuple(dict.fromkeys(self.settings.scopes))
        for scope in named:
            if not re.fullmatch(r"(organizations|folders)/\d+|projects/[a-z0-9:.-]+", scope):
                hint = "organizations/NUMBER, folders/NUMBER or projects/ID"
                raise ConfigError(f"`{scope}` is no scope", where="scopes", hint=hint)
        with errors("credentials", "scopes", self.secrets):
            return named or (f"projects/{self.project}",)

    def credentials(self) -> Any:
        """The SDK's own chain, or the service account that is impersonated from there. Errors are the SDK's."""
        import google.auth
        from google.auth import impersonated_credentials

        with self._lock:
            if "credentials" not in self._known:
                own, self._known["project"] = google.auth.default(scopes=SCOPES)
                self._known["own"] = self._known["credentials"] = own
                target, endpoint = self.settings.impersonate, self.settings.endpoint_urls.get("iamcredentials")
                if target:
                    self._known["credentials"] = impersonated_credentials.Credentials(
                        source_credentials=own,
                        target_principal=target,
                        target_scopes=list(SCOPES),
                        iam_endpoint_override=f"{endpoint}/v1/projects/-/serviceAccounts/{target}:generateAccessToken"
                        if endpoint
                        else None,
                    )
            return self._known["credentials"]

    def http(self) -> Any:
        """A session that waits as long as an answer's Retry-After says."""
        from google.auth.transport.requests import AuthorizedSession
        from requests.adapters import HTTPAdapter
        from urllib3.util.retry import Retry

        session = AuthorizedSession(self.credentials())
        patience = Retry(
            total=self.settings.retries,
            status_forcelist=THROTTLED,
            allowed_methods=None,  # jobs bear an id of ours: one that is sent twice runs once
            respect_retry_after_header=True,
            backoff_factor=0.2,
            raise_on_status=False,
        )
        for scheme in ("https://", "http://"):
            session.mount(scheme, HTTPAdapter(max_retries=patience, pool_maxsize=max(10, self.settings.concurrency)))
        return session

    def secrets(self) -> tuple[str, ...]:
        """What no message may hold."""
        held = [self._known.get(name) for name in ("own", "credentials")]
        found = [getattr(each, name, None) for each in held for name in ("token", "refresh_token", "_refresh_token")]
        return tuple(value for value in found if isinstance(value, str) and value)

    def _result(self, job: Any) -> Any:
        return job.result(page_size=PAGE_ROWS, retry=self._retry(), job_retry=None)

    def _retry(self) -> Any:
        from google.cloud.bigquery import DEFAULT_RETRY

        return DEFAULT_RETRY.with_timeout(self.settings.timeout_s)

    def _config(self, query: Query, *, dry_run: bool = False) -> Any:
        from google.cloud import bigquery

        parameters: Sequence[Any] = [bigquery.ScalarQueryParameter(*each) for each in query.parameters]
        if dry_run:  # a result that is cached reads nothing: what it would read is asked for
            return bigquery.QueryJobConfig(query_parameters=parameters, dry_run=True, use_query_cache=False)
        most = self.settings.max_bytes_billed
        return bigquery.QueryJobConfig(query_parameters=parameters, maximum_bytes_billed=max(most, LEAST_BYTES))


def table_name(name: str) -> tuple[str, str, str]:
    """Project, dataset and table of a setting. Raises ConfigError."""

    match = re.fullmatch(r"([a-z][a-z0-9:.-]*[a-z0-9])[.:](\w+)\.([\w-]+)", name)
    if not match:
        raise ConfigError(f"`{name}` is no table", where="billing_exports", hint="project.dataset.table")
    return match[1], match[2], match[3]
