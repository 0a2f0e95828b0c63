"""Which services have all their lines of the last days: what they bill less than before has ended, and is not late."""

from __future__ import annotations

from finops.window import PROVISIONAL_DAYS

WEEKS, LEAST_WEEKS = 4, 2
"""Weeks before, of whose same weekdays the least counts, and of which the last have to have billed a meter: more is asked of
none."""

WHOLE = 0.9
"""Months differ by a tenth (28 to 31 days), and so do a day's quantities of what is metered by the month."""

MOST_ENDED = 1 / 3
"""Share of a service's meters that may have ended. A delivery is late with all that it would have brought."""

COMPLETE_SERVICES = f"""
    with days as (
        select cast(unnest(generate_series($as_of::date - {PROVISIONAL_DAYS - 1}, $as_of::date, interval 1 day)) as date) as day
    ),
    metered as (
        select
            x_source, service, account_id, region, sku_id, sku_meter, pricing_unit, charge_date,
            sum(coalesce(pricing_quantity, consumed_quantity)) as quantity
        from resource_daily
        where
            charge_category = 'Usage' and coalesce(charge_class, '') = ''
            and charge_date > $as_of::date - {PROVISIONAL_DAYS + 7 * WEEKS} and charge_date <= $as_of::date
        group by all
    ),
    meters as (
        select
            x_source, service, account_id, region, sku_id, sku_meter, pricing_unit, day,
            min(quantity) filter (where charge_date < day) as least,
            coalesce(sum(quantity) filter (where charge_date = day), 0) as standing
        from days
        inner join metered on charge_date <= day and (day - charge_date) % 7 = 0
        group by all
        having count(*) filter (where day - charge_date between 1 and {7 * LEAST_WEEKS} and quantity > 0) = {LEAST_WEEKS}
    ),
    shares as (
        select x_source, service, day, avg(case when standing < least * {WHOLE} then 1 else 0 end) as lacking
        from meters group by all
    )
    select x_source, service from shares group by all having max(lacking) <= {MOST_ENDED}
"""
"""Services of a source of which most meters bill on each of the provisional days what they billed at least on the same weekday
of the four weeks before. One without meters that can be asked is not among them: nobody can tell."""
