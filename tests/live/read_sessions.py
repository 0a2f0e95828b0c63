"""A contract server for the BigQuery Storage Read API: results of the contract server for BigQuery, as Arrow over gRPC.

Requests are the installed package's own messages, without an unknown field; the routing headers, the session, the stream and
the offset must be such as were given out. What breaks that is answered INVALID_ARGUMENT and kept in `violations`.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import pyarrow as pa
from google.cloud.bigquery_storage_v1 import types
from google.protobuf.unknown_fields import UnknownFieldSet

from tests.live.bigquery import BigQuery
from tests.live.faults import Fault, Reset
from tests.live.google_contract import Google, Violation, refuse, signed

SERVICE = "/google.cloud.bigquery.storage.v1.BigQueryRead/"
RESULTS = "datasets/_results/tables/"


@dataclass
class Sessions:
    """What was asked, beside `google.asked`. `drops`: messages after which a stream that has more is broken off, once each."""

    google: Google
    bills: BigQuery
    tables: dict[str, str] = field(default_factory=dict)
    offsets: list[int] = field(default_factory=list)
    drops: list[int] = field(default_factory=list)
    message_rows: int = 400

    def __call__(self, details: Any) -> Any:
        """The handler of a call, where it is one of this service."""
        metadata = dict(details.invocation_metadata)
        if details.method == f"{SERVICE}CreateReadSession":
            return grpc.unary_unary_rpc_method_handler(self._held(metadata, types.CreateReadSessionRequest, self._create))
        if details.method == f"{SERVICE}ReadRows":
            return grpc.unary_stream_rpc_method_handler(self._held(metadata, types.ReadRowsRequest, self._rows))
        return None

    def _held(self, metadata: dict[str, str], kind: Any, answer: Callable[..., Any]) -> Callable[[bytes, Any], Any]:
        def held(body: bytes, context: Any) -> Any:
            try:
                request = kind.deserialize(body)
                signed(self.google, metadata.get("authorization", ""))
                if len(UnknownFieldSet(kind.pb(request))):
                    raise Violation("a field that the message does not have")
                return answer(request, dict(urllib.parse.parse_qsl(metadata.get("x-goog-request-params", ""))), context)
            except Violation as error:
                self.google.violations.append(f"{kind.__name__}: {error}")
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))

        return held

    def _fault(self, call: str, context: Any) -> None:
        with self.google.lock:
            self.google.asked[call] += 1
        fault = self.google.next_fault(call)
        if isinstance(fault, Fault):
            refuse(context, fault)
        if isinstance(fault, Reset):
            self.google.break_next.set()

    def _create(self, request: Any, routed: dict[str, str], context: Any) -> bytes:
        session = request.read_session
        if routed != {"read_session.table": session.table} or not request.parent.startswith("projects/"):
            raise Violation(f"routed to {routed}, paid by {request.parent!r}")
        if session.data_format != types.DataFormat.ARROW or request.max_stream_count != 1:
            raise Violation("another format than Arrow, or several streams, which have no order")
        identifier = session.table.rpartition(RESULTS)[2]
        if identifier not in self.bills.arrow:
            raise Violation(f"no result {session.table}")
        self._fault("CreateReadSession", context)
        found = self.bills.arrow[identifier]
        name = f"{request.parent}/locations/us/sessions/{len(self.tables)}"
        stream = f"{name}/streams/0"
        self.tables[stream] = identifier
        answer = types.ReadSession(
            name=name,
            table=session.table,
            data_format=session.data_format,
            arrow_schema={"serialized_schema": found.schema.serialize().to_pybytes()},
            streams=[{"name": stream}] if len(found) else [],
        )
        return bytes(types.ReadSession.serialize(answer))

    def _rows(self, request: Any, routed: dict[str, str], context: Any) -> Iterator[bytes]:
        found = self.bills.arrow.get(self.tables.get(request.read_stream, ""))
        if routed != {"read_stream": request.read_stream} or found is None or request.offset > len(found):
            raise Violation(f"no stream {request.read_stream} from {request.offset} on")
        self._fault("ReadRows", context)
        self.offsets.append(request.offset)
        return self._messages(found.slice(request.offset), context)

    def _messages(self, rows: pa.Table, context: Any) -> Iterator[bytes]:
        batches = rows.combine_chunks().to_batches(max_chunksize=self.message_rows)
        drop = self.drops.pop(0) if self.drops and self.drops[0] < len(batches) else None
        for number, batch in enumerate(batches):
            if number == drop:
                context.abort(grpc.StatusCode.UNAVAILABLE, "the connection was broken off")
            message = {"arrow_record_batch": {"serialized_record_batch": _packed(batch)}, "row_count": len(batch)}
            yield bytes(types.ReadRowsResponse.serialize(types.ReadRowsResponse(message)))


def _packed(batch: pa.RecordBatch) -> bytes:
    """The message of a batch, its buffers compressed as was asked for."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_batch(batch)
    messages = pa.ipc.MessageReader.open_stream(sink.getvalue())
    messages.read_next_message()  # the schema
    return bytes(messages.read_next_message().serialize())
