"""A small AWS estate in an emulator: something for each stream to fetch."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO

import pyarrow.parquet as pq

from tests.live.company import BUCKET, EXPORT, client, put_export
from tests.live.conftest import NOW


def put_estate(url: str) -> None:
    put_export(url, ("2026-10",))
    key = "nordlicht-cur2/data/BILLING_PERIOD=2026-10/nordlicht-cur2-00001.parquet"
    few = BytesIO()  # enough to be staged: the whole month is loaded elsewhere
    pq.write_table(pq.read_table(EXPORT.parent / key).slice(0, 40), few)
    client(url, "s3").put_object(Bucket=BUCKET, Key=key, Body=few.getvalue())
    cloudwatch = client(url, "cloudwatch")
    for hours in range(3):
        cloudwatch.put_metric_data(
            Namespace="AWS/EC2",
            MetricData=[
                {
                    "MetricName": "CPUUtilization",
                    "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}],
                    "Timestamp": NOW - timedelta(days=1, hours=hours),
                    "Value": 10.0 + hours,
                }
            ],
        )
