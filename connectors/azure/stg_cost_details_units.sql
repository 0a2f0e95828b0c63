-- Azure's units of measure in FOCUS words. Grain: one row a UnitOfMeasure of the files, the absent one included.
-- A block of '100 Hours' is counted in hours and priced by the hour; one of '10K' is counted and priced by the block.
with
measures as (select distinct unitofmeasure from raw),

parsed as (
    select
        unitofmeasure,
        regexp_extract(
            trim(regexp_replace(coalesce(unitofmeasure, ''), '([0-9][KkMm])/', '\1 /')),
            '^(?i)(?:per\s+)?([0-9]+(?:\.[0-9]+)?)?\s*([km](?:\s|s?$))?\s*(.*)$',
            ['block', 'scale', 'rest']
        ) as measure
    from measures
),

final as (
    select
        unitofmeasure,
        measure.scale <> '' as in_blocks,
        coalesce(nullif(measure.block, '')::decimal(38, 12), 1)
        * case upper(left(measure.scale, 1)) when 'K' then 1000 when 'M' then 1000000 else 1 end as block,
        case
            when measure.rest = '' or lower(measure.rest) in ('unassigned', 'unit', 'units') then 'Units'
            when starts_with(measure.rest, '/') then 'Units/' || trim(measure.rest[2:])
            when lower(measure.rest) in ('hour', 'hours', 'hr', 'hrs', 'stunden', '小时') then 'Hours'
            when lower(replace(measure.rest, ' ', '')) = 'gb/month' then 'GB-Months'
            when lower(replace(measure.rest, ' ', '')) = 'gb/hour' then 'GB-Hours'
            when lower(measure.rest) in ('gb second', 'gb seconds') then 'GB-Seconds'
            when lower(measure.rest) = 'gb' then 'GB'
            when contains(measure.rest, '/') or regexp_matches(measure.rest, '(?i)(^|[^a-z])[kmgtp]i?b$|s$')
                then measure.rest
            else measure.rest || 's'
        end as unit
    from parsed
)

select * from final
