"""Azure cost details on disk: one format for every header dialect, and the export manifest."""

from __future__ import annotations

import re

from finops.connect import Column, Format, Manifest, ManifestFile, Profile, Sniff

DATES = ("%m/%d/%Y", "%m/%d/%Y %H:%M:%S")
"""What EA and partner files write instead of ISO 8601: month first. Day first is refused, not guessed."""


SYNONYMS = {
    "subscriptionguid": "subscriptionid",
    "usagedatetime": "date",
    "usagedate": "date",
    "cost": "costinbillingcurrency",
    "pretaxcost": "costinbillingcurrency",
}
"""Other dialects' names of the columns that make a file recognisable; `Cost` of EA and `PreTaxCost` are in billing currency."""


def canonical(header: str) -> str:
    """`MeterSubCategory`, `meterSubcategory` and `Meter Sub_Category` are one column."""
    name = _plain(header)
    return SYNONYMS.get(name, name)


def _plain(header: str) -> str:
    translated = re.search(r"\(([^()]+)\)\s*$", header)  # `Abonnement-GUID (SubscriptionGuid)`: the portal in another language
    return re.sub(r"[\s_]", "", translated[1] if translated else header.lstrip("\ufeff")).lower()


def version(sniff: Sniff) -> str:
    """The agreement whose dialect the header is, and what had to be read into the file."""
    return "; ".join([_dialect({_plain(header) for header in sniff.columns}), *_currency(sniff), *_dates(sniff)])


def _dialect(names: set[str]) -> str:
    if "pretaxcost" in names:
        return "usage details, pay-as-you-go"
    if "partnername" in names:
        return "cost details, partner agreement"
    if "costinpricingcurrency" in names or "exchangeratepricingtobilling" in names:
        return "cost details, MCA"
    return "cost details, EA" if {"billingaccountid", "partnumber"} <= names else "cost details, reduced columns"


def _currency(sniff: Sniff) -> list[str]:
    column = next((h for h in sniff.columns if _plain(h) in {"billingcurrency", "billingcurrencycode", "currency"}), None)
    if column is None:
        return ["no currency column, booked as XXX"]
    unknown = [code for row in sniff.rows if not re.fullmatch("[A-Za-z]{3}", code := row.get(column) or "")]
    return [f"currency `{unknown[0]}` is no ISO 4217 code, booked as XXX"] if unknown else []


def _dates(sniff: Sniff) -> list[str]:
    """Said where nothing in the file's first rows, be it the end of the month, proves that the month stands first."""
    columns = sorted((h for h in sniff.columns if canonical(h).endswith("date")), key=lambda h: canonical(h) != "date")
    cells = [row.get(column) or "" for column in columns for row in sniff.rows]
    days = [found for cell in cells if (found := re.match(r"\d{1,2}/(\d{1,2})/\d", cell))]
    if not days or any(int(found[1]) > 12 for found in days):
        return []
    return [f"dates such as {days[0].string} read month first"]


def _texts() -> tuple[Column, ...]:
    aliases = {
        "resourceid": ("instanceid", "instancename"),
        "resourcegroup": ("resourcegroupname",),
        "productname": ("product",),
        "billingcurrency": ("billingcurrencycode", "currency"),
    }
    names = """billingaccountid billingaccountname billingprofileid billingprofilename subscriptionname resourcegroup
        resourcelocation availabilityzone consumedservice resourceid resourcename resourcetype productname productid
        partnumber skuid meterid metersubcategory metername meterregion servicefamily servicename servicetier
        unitofmeasure reservationid reservationname benefitid benefitname productordername term publishertype
        publishername productorderid chargetype frequency pricingmodel billingcurrency pricingcurrency invoiceid
        serviceinfo2 partnername resellername"""
    return tuple(Column(name, aliases=aliases.get(name, ())) for name in names.split())


COLUMNS = (
    Column("subscriptionid", required=True),
    Column("date", "date", required=True, formats=DATES),
    Column("metercategory", required=True),
    Column("costinbillingcurrency", "decimal", required=True),
    Column("quantity", "decimal", aliases=("usagequantity", "consumedquantity")),
    Column("unitprice", "decimal"),
    Column("effectiveprice", "decimal", aliases=("resourcerate",)),
    Column("paygprice", "decimal"),
    Column("paygcostinbillingcurrency", "decimal"),
    Column("costinpricingcurrency", "decimal"),
    Column("exchangeratepricingtobilling", "decimal", aliases=("exchangerate",)),
    Column("billingperiodstartdate", "date", aliases=("billingperiodstart",), formats=DATES),
    Column("billingperiodenddate", "date", aliases=("billingperiodend",), formats=DATES),
    *_texts(),
    Column("additionalinfo", "json"),
    Column("tags", "json"),
)

KIND = "regexp_replace(lower(coalesce(chargetype, 'usage')), '[^a-z]', '', 'g')"

MODEL = f"""case
  when pricingmodel is not null then regexp_replace(lower(pricingmodel), '[^a-z]', '', 'g')
  when {KIND} = 'unusedreservation' or reservationid is not null then 'reservation'
  when {KIND} = 'unusedsavingsplan' or benefitid ilike '%/savingsplans/%' then 'savingsplan'
  else 'ondemand' end"""

COMMITTED = f"({MODEL}) in ('reservation', 'savingsplan')"
UNUSED = f"{KIND} in ('unusedreservation', 'unusedsavingsplan')"

PROFILE = Profile(
    account="""coalesce(case when contains(billingaccountid, ':') then billingprofileid end, billingaccountid,
      lower(subscriptionid))""",
    period="strftime(coalesce(billingperiodstartdate, date), '%Y-%m')",
    currency="coalesce(nullif(regexp_extract(upper(billingcurrency), '^([A-Z]{3})$', 1), ''), 'XXX')",
    billed=f"case when {UNUSED} or ({KIND} = 'usage' and {COMMITTED}) then 0 else costinbillingcurrency end",
    paired=f"{KIND} in ('purchase', 'refund') and {COMMITTED}",
    role=f"""case
      when bool_or({UNUSED} or ({KIND} = 'usage' and {COMMITTED} and costinbillingcurrency <> 0)) then 'amortized'
      when bool_or({COMMITTED}) then 'actual'
      else 'either' end""",
)

COST_DETAILS = Format(
    name="azure-cost-details",
    title="Azure cost details (actual, amortized)",
    table="charges",
    package="connectors.azure",
    sql="stg_cost_details.sql",
    lookups=("stg_cost_details_units.sql", "stg_cost_details_regions.sql"),
    columns=COLUMNS,
    identifies=("subscriptionid", "date", "metercategory", "costinbillingcurrency"),
    canonical=canonical,
    version=version,
    profile=PROFILE,
    roles=("actual", "amortized"),
)


def read_manifest(document: object, path: str) -> Manifest | None:
    """The `manifest.json` of a Cost Management export.

    Blob names are relative to the container: `<directory>/<from-to>/<run>/<guid>/000001.csv`. The newest run counts.
    """
    if not isinstance(document, dict) or not isinstance(document.get("blobs"), list) or "manifestVersion" not in document:
        return None
    files = tuple(
        ManifestFile(uri=str(blob["blobName"]), rows=_whole(blob.get("dataRowCount")), bytes=_whole(blob.get("byteCount")))
        for blob in document["blobs"]
        if isinstance(blob, dict) and blob.get("blobName")
    )
    run = re.match(r"(?P<export>.*?/?\d{8}-\d{8})/(?P<run>\d{12})/(?P<id>[^/]+)/[^/]+$", files[0].uri) if files else None
    details = document.get("runInfo")
    submitted = str(details.get("submittedTime", "")) if isinstance(details, dict) else ""
    return Manifest(
        export=run["export"] if run else path.rpartition("/")[0],
        edition=run["run"] if run else submitted,
        files=files,
        rows=_whole(document.get("dataRowCount")),
    )


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
