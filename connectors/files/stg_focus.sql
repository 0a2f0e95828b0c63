-- stg_focus: FOCUS Cost and Usage of any provider, 1.0 to 1.4 → FOCUS 1.2 columns, with those of 1.3 and 1.4 beside them.
-- grain: one row a row of the file
-- Repairs, each only where the file leaves the value out or breaks FOCUS; what is billed and effective is never changed, but
-- that a missing effective cost outside commitments is what is billed. Why each is safe: README.md of this folder.
with raw as (

    select * from raw

),

provider_names as (

    select * from files_providers

),

-- Provider names ------------------------------------------------------------------------------------------------------------

given_names as (

    select distinct unnest([ProviderName, ServiceProviderName, HostProviderName, InvoiceIssuerName]) as given
    from raw

),

names as (

    select
        given_names.given,
        coalesce(min(provider_names.provider), given_names.given) as provider,
        coalesce(min(provider_names.billing_account_type), 'Billing Account') as billing_account_type,
        coalesce(min(provider_names.sub_account_type), 'Sub Account') as sub_account_type
    from given_names
    left join provider_names on starts_with(lower(given_names.given), provider_names.name_starts_with)
    where given_names.given is not null
    group by given_names.given

),

-- Units ---------------------------------------------------------------------------------------------------------------------
-- FOCUS Unit Format has words, `-Hours`, `/Hour` and a leading number; other signs become words of it.

given_units as (

    select distinct unnest([PricingUnit, ConsumedUnit, CommitmentDiscountUnit]) as given
    from raw

),

worded_units as (

    select
        given,
        regexp_replace(regexp_replace(regexp_replace(
            trim(given),
            '\bHrs?\b', 'Hours'
        ),
        '\b(GB|MB|TB)[- ]Mo\b', '\1-Months'),
        '/Second-', 'ps-') as unit
    from given_units
    where given is not null

),

units as (

    select
        given,
        case
            when regexp_full_match(unit, '([0-9]+ )?[A-Za-z][A-Za-z0-9]*( [A-Za-z][A-Za-z0-9]*)*') then unit
            when regexp_full_match(
                unit, '[A-Za-z][A-Za-z0-9]*( [A-Za-z][A-Za-z0-9]*)*-(Years|Months|Days|Hours|Minutes|Seconds)'
            ) then unit
            when regexp_full_match(
                unit,
                '[A-Za-z][A-Za-z0-9]*( [A-Za-z][A-Za-z0-9]*)*'
                || '/(Year|Month|Day|Hour|Minute|Second|[0-9]+ (Years|Months|Days|Hours|Minutes|Seconds))'
            ) then unit
            when regexp_full_match(unit, '.*[A-Za-z][^A-Za-z]*-(Years|Months|Days|Hours|Minutes|Seconds)')
                then
                    coalesce(
                        nullif(
                            trim(
                                regexp_replace(
                                    regexp_extract(unit, '^(.*)-[A-Z][a-z]+$', 1), '[^A-Za-z0-9]+|\b[0-9]+', ' ', 'g'
                                )
                            ),
                            ''
                        ),
                        'Unit'
                    ) || regexp_extract(unit, '-[A-Z][a-z]+$')
            else coalesce(nullif(trim(regexp_replace(unit, '[^A-Za-z0-9]+|\b[0-9]+', ' ', 'g')), ''), 'Units')
        end as unit
    from worded_units

),

-- Rows ----------------------------------------------------------------------------------------------------------------------

named as (

    select
        raw.* replace (
            coalesce(provider.provider, raw.ProviderName) as ProviderName,
            coalesce(seller.provider, provider.provider) as ServiceProviderName,
            coalesce(host.provider, provider.provider) as HostProviderName,
            coalesce(issuer.provider, provider.provider) as InvoiceIssuerName,
            pricing_unit.unit as PricingUnit,
            consumed_unit.unit as ConsumedUnit,
            commitment_unit.unit as CommitmentDiscountUnit,
            coalesce(raw.x_invoicing_entity, raw.InvoiceIssuerName) as x_invoicing_entity
        ),
        provider.billing_account_type,
        provider.sub_account_type
    from raw
    left join names as provider on raw.ProviderName = provider.given
    left join names as seller on raw.ServiceProviderName = seller.given
    left join names as host on raw.HostProviderName = host.given
    left join names as issuer on raw.InvoiceIssuerName = issuer.given
    left join units as pricing_unit on raw.PricingUnit = pricing_unit.given
    left join units as consumed_unit on raw.ConsumedUnit = consumed_unit.given
    left join units as commitment_unit on raw.CommitmentDiscountUnit = commitment_unit.given

),

worded as (

    select
        * replace (
            case lower(ChargeCategory)
                when 'usage' then 'Usage'
                when 'purchase' then 'Purchase'
                when 'tax' then 'Tax'
                when 'credit' then 'Credit'
                when 'refund' then 'Credit'
                else 'Adjustment'
            end as ChargeCategory,
            case when lower(ChargeClass) = 'correction' then 'Correction' end as ChargeClass,
            case lower(ChargeFrequency)
                when 'one-time' then 'One-Time'
                when 'recurring' then 'Recurring'
                when 'usage-based' then 'Usage-Based'
            end as ChargeFrequency,
            case lower(PricingCategory)
                when 'standard' then 'Standard'
                when 'on-demand' then 'Standard'
                when 'dynamic' then 'Dynamic'
                when 'committed' then 'Committed'
                when 'commitment-based' then 'Committed'
                when 'other' then 'Other'
            end as PricingCategory,
            case lower(CommitmentDiscountStatus) when 'used' then 'Used' when 'unused' then 'Unused' end
                as CommitmentDiscountStatus,
            case lower(CommitmentDiscountCategory) when 'spend' then 'Spend' when 'usage' then 'Usage' end
                as CommitmentDiscountCategory,
            case ServiceCategory when 'Database' then 'Databases' else ServiceCategory end as ServiceCategory,
            upper(BillingCurrency) as BillingCurrency,
            upper(coalesce(PricingCurrency, x_pricing_currency)) as PricingCurrency
        ),
        -- a unit price of nothing beside a cost is a price that was left out
        coalesce(greatest(BilledCost, EffectiveCost) > 0, false) as is_priced
    from named

),

committed as (

    select
        * replace (
            case when ChargeCategory != 'Tax' then PricingCategory end as PricingCategory,
            case when ChargeCategory != 'Tax' then PricingQuantity end as PricingQuantity,
            case
                when ChargeCategory != 'Tax' and (ListUnitPrice > 0 or (ListUnitPrice = 0 and not is_priced)) then ListUnitPrice
            end as ListUnitPrice,
            case
                when ChargeCategory != 'Tax' and (ContractedUnitPrice > 0 or (ContractedUnitPrice = 0 and not is_priced))
                    then ContractedUnitPrice
            end as ContractedUnitPrice,
            case
                when ChargeCategory = 'Usage' and CommitmentDiscountStatus is distinct from 'Unused' then ConsumedQuantity
            end as ConsumedQuantity,
            case
                when CommitmentDiscountId is null or ChargeCategory != 'Usage' then null
                else coalesce(CommitmentDiscountStatus, 'Used')
            end as CommitmentDiscountStatus,
            case when CommitmentDiscountId is not null then coalesce(
                CommitmentDiscountCategory,
                case when CommitmentDiscountType ilike '%saving%' then 'Spend' else 'Usage' end
            ) end as CommitmentDiscountCategory,
            case when CommitmentDiscountId is not null then coalesce(CommitmentDiscountType, 'Commitment') end
                as CommitmentDiscountType,
            case when CommitmentDiscountId is not null then CommitmentDiscountName end as CommitmentDiscountName,
            coalesce(EffectiveCost, case when CommitmentDiscountId is null then BilledCost end) as EffectiveCost
        ),
        CommitmentDiscountId is not null and ChargeCategory in ('Usage', 'Purchase') and ChargeClass is null as takes_commitment
    from worded

),

-- A list or contracted cost of nothing beside a real cost is a price that the provider left out: the row's own cost stands in,
-- so that no saving appears from it.
costed as (

    select
        *,
        greatest(BilledCost, EffectiveCost) > 0 as costs,
        case
            when CommitmentDiscountId is null and ChargeCategory in ('Usage', 'Purchase') then BilledCost
            when ChargeCategory in ('Usage', 'Purchase') then coalesce(nullif(ListCost, 0), greatest(BilledCost, EffectiveCost))
            else BilledCost
        end as own_cost,
        cast(cast(ListUnitPrice as double) * cast(PricingQuantity as double) as decimal(38, 12)) as priced_at_list,
        cast(cast(ContractedUnitPrice as double) * cast(PricingQuantity as double) as decimal(38, 12)) as priced_at_contract
    from committed

),

settled as (

    select
        * replace (
            coalesce(
                case when ContractedCost != 0 or not costs then ContractedCost end,
                nullif(priced_at_contract, 0),
                own_cost,
                BilledCost
            ) as ContractedCost,
            coalesce(
                case when ListCost != 0 or not costs then ListCost end,
                nullif(priced_at_list, 0),
                nullif(ContractedCost, 0),
                nullif(priced_at_contract, 0),
                own_cost,
                BilledCost
            ) as ListCost,
            case when PricingQuantity is not null then coalesce(PricingUnit, ConsumedUnit, 'Units') end as PricingUnit,
            case when ConsumedQuantity is not null then coalesce(ConsumedUnit, PricingUnit, 'Units') end as ConsumedUnit,
            case
                when not takes_commitment then null
                when CommitmentDiscountQuantity is not null then CommitmentDiscountQuantity
                when ChargeCategory = 'Usage' and CommitmentDiscountCategory = 'Spend' then EffectiveCost
                when ChargeCategory = 'Usage' then PricingQuantity
            end as CommitmentDiscountQuantity
        )
    from costed

),

-- Amounts in the pricing currency, where the export states the rate that it converted by in their place.
converted as (

    select
        * replace (
            coalesce(
                PricingCurrencyEffectiveCost,
                cast(cast(EffectiveCost as double) / pricing_rate as decimal(38, 12))
            ) as PricingCurrencyEffectiveCost,
            coalesce(
                PricingCurrencyContractedUnitPrice,
                cast(cast(ContractedUnitPrice as double) / pricing_rate as decimal(38, 12))
            ) as PricingCurrencyContractedUnitPrice,
            coalesce(
                PricingCurrencyListUnitPrice,
                cast(cast(ListUnitPrice as double) / pricing_rate as decimal(38, 12))
            ) as PricingCurrencyListUnitPrice
        )
    from (
        select
            *,
            case
                when PricingCurrency != BillingCurrency and x_billing_exchange_rate > 0
                    then cast(x_billing_exchange_rate as double)
            end as pricing_rate
        from settled
    ) as rated

),

-- What is no JSON object is kept under one key, and lists of keys and values (arrays of structs in BigQuery) become an object.
tagged as (

    select
        *,
        case
            when not json_valid(Tags) and json_valid('{' || Tags || '}')
                then cast(json('{' || Tags || '}') as map (varchar, varchar))
            when not json_valid(Tags) then map(['tags'], [Tags])
            when json_type(Tags) = 'OBJECT' then cast(json(Tags) as map (varchar, varchar))
            when json_type(Tags) = 'ARRAY' then map_from_entries(list_distinct(
                list_transform(cast(json(Tags) as json[]), lambda tag: { 'k': tag ->> 'key', 'v': tag ->> 'value' })
            ))
        end as tag_map,
        case when json_valid(SkuPriceDetails) then SkuPriceDetails end as given_details,
        case when json_valid(x_sku_details) and json_type(x_sku_details) = 'OBJECT' then x_sku_details end as native_details
    from converted

),

-- An export without price details whose own are beside them: what FOCUS has a key for under that key, the rest with x_.
detailed as (

    select
        *,
        coalesce(given_details, case
            when native_details is not null and SkuPriceId is not null then cast(to_json(try(map_from_entries(list_transform(
                list_filter(
                    map_entries(try_cast(cast(native_details as json) as map (varchar, json))),
                    lambda pair: pair.value is not null and json_type(pair.value) != 'NULL'
                ),
                lambda pair: {
                    'k': case
                        when
                            pair.key = 'ServiceType' and regexp_matches(pair.value ->> '$', '^(Standard|Basic)_')
                            then 'InstanceType'
                        when pair.key = 'VCPUs' and try_cast(pair.value ->> '$' as integer) > 0 then 'CoreCount'
                        when starts_with(pair.key, 'x_') then pair.key
                        else 'x_' || pair.key
                    end,
                    'v': case when pair.key = 'VCPUs' then to_json(try_cast(pair.value ->> '$' as integer)) else pair.value end
                }
            )))) as varchar)
        end) as details
    from tagged

),

machines as (

    select
        *,
        coalesce(
            x_instance_type,
            details ->> '$.InstanceType',
            details ->> '$.x_InstanceType',
            nullif(regexp_extract(
                x_usage_type,
                ':((?:[a-z]+\.)?[a-z][a-z0-9-]*\.(?:nano|micro|small|medium|large|[0-9]*xlarge|metal[a-z0-9-]*))',
                1
            ), ''),
            case
                when ServiceCategory = 'Compute'
                    then coalesce(native_details ->> '$.ServiceType', native_details ->> '$.x_ServiceType')
            end
        ) as machine,
        coalesce(
            x_operating_system,
            details ->> '$.OperatingSystem',
            case when x_sku_meter_subcategory ilike '%windows%' then 'Windows' end,
            case x_operation
                when 'RunInstances' then 'Linux'
                when 'RunInstances:0002' then 'Windows'
                when 'RunInstances:0010' then 'RHEL'
                when 'RunInstances:000g' then 'SUSE'
            end
        ) as system
    from detailed

),

final as (

    select
        AvailabilityZone,
        BilledCost,
        BillingAccountId,
        BillingAccountName,
        coalesce(BillingAccountType, billing_account_type) as BillingAccountType,
        BillingCurrency,
        BillingPeriodEnd,
        BillingPeriodStart,
        CapacityReservationId,
        case
            when CapacityReservationId is not null and ChargeCategory = 'Usage'
                then coalesce(CapacityReservationStatus, 'Used')
        end as CapacityReservationStatus,
        ChargeCategory,
        ChargeClass,
        ChargeDescription,
        case
            when ChargeCategory = 'Purchase' and coalesce(ChargeFrequency, 'Usage-Based') = 'Usage-Based' then 'One-Time'
            when ChargeCategory = 'Usage' then coalesce(ChargeFrequency, 'Usage-Based')
            else coalesce(ChargeFrequency, 'One-Time')
        end as ChargeFrequency,
        ChargePeriodEnd,
        ChargePeriodStart,
        CommitmentDiscountCategory,
        CommitmentDiscountId,
        CommitmentDiscountName,
        CommitmentDiscountQuantity,
        CommitmentDiscountStatus,
        CommitmentDiscountType,
        case
            when CommitmentDiscountQuantity is null then null
            when CommitmentDiscountUnit is not null then CommitmentDiscountUnit
            when CommitmentDiscountCategory = 'Spend' then BillingCurrency
            else coalesce(PricingUnit, 'Units')
        end as CommitmentDiscountUnit,
        ConsumedQuantity,
        ConsumedUnit,
        ContractedCost,
        ContractedUnitPrice,
        EffectiveCost,
        coalesce(InvoiceId, x_invoice_id) as InvoiceId,
        coalesce(InvoiceIssuerName, ProviderName) as InvoiceIssuerName,
        ListCost,
        ListUnitPrice,
        PricingCategory,
        PricingCurrency,
        case
            when ChargeCategory != 'Tax' and PricingCurrencyContractedUnitPrice >= 0
                then PricingCurrencyContractedUnitPrice
        end as PricingCurrencyContractedUnitPrice,
        PricingCurrencyEffectiveCost,
        case when ChargeCategory != 'Tax' and PricingCurrencyListUnitPrice >= 0 then PricingCurrencyListUnitPrice end
            as PricingCurrencyListUnitPrice,
        PricingQuantity,
        PricingUnit,
        ProviderName,
        coalesce(PublisherName, ServiceProviderName, ProviderName) as PublisherName,
        RegionId,
        RegionName,
        ResourceId,
        ResourceName,
        coalesce(
            ResourceType,
            nullif(regexp_extract(ResourceId, '^arn:[^:]*:([^:]*:[^:]*:[^:]*:)([a-z][a-z-]*)[/:]', 2), ''),
            nullif(regexp_extract(lower(ResourceId), '.*/providers/([^/]+/[^/]+)/', 1), '')
        ) as ResourceType,
        coalesce(ServiceCategory, 'Other') as ServiceCategory,
        coalesce(ServiceName, x_sku_meter_category, x_service_code, ProviderName) as ServiceName,
        coalesce(ServiceSubcategory, 'Other (' || coalesce(ServiceCategory, 'Other') || ')') as ServiceSubcategory,
        case when ChargeCategory != 'Tax' then SkuId end as SkuId,
        case when ChargeCategory != 'Tax' then coalesce(SkuMeter, x_sku_meter_name, x_usage_type) end as SkuMeter,
        case when ChargeCategory != 'Tax' then details end as SkuPriceDetails,
        case when ChargeCategory != 'Tax' then SkuPriceId end as SkuPriceId,
        SubAccountId,
        SubAccountName,
        case when SubAccountId is not null then coalesce(SubAccountType, sub_account_type) end as SubAccountType,
        tag_map as Tags,
        AllocatedMethodDetails,
        AllocatedMethodId,
        AllocatedResourceId,
        AllocatedResourceName,
        AllocatedTags,
        CommitmentProgramEligibilityDetails,
        ContractApplied,
        HostProviderName,
        InvoiceDetailId,
        ServiceProviderName,
        strftime(utc(BillingPeriodStart) + interval 1 day, '%Y-%m') as x_billing_period,
        x_charge_type,
        x_service_code,
        x_operation,
        machine as x_instance_type,
        system as x_operating_system,
        coalesce(
            x_ml_workload,
            ServiceCategory = 'AI and Machine Learning'
            or coalesce(regexp_matches(
                machine, '^(ml\.|(p[2-6]|g[3-7]|trn|inf|dl)[0-9a-z-]*\.|Standard_N[CDV]|(a[2-4]|g[2-4])-)'
            ), false)
            or coalesce(regexp_matches(SkuMeter, '(?i)\b(gpu|tpu|nvidia)\b'), false)
        ) as x_ml_workload,
        x_promotional_credit,
        x_invoicing_entity,
        x_cost_categories,
        x_line_id,
        columns(lambda name: starts_with(name, 'x_') and name not in (
            'x_charge_type', 'x_service_code', 'x_operation', 'x_instance_type', 'x_operating_system', 'x_ml_workload',
            'x_promotional_credit', 'x_invoicing_entity', 'x_cost_categories', 'x_line_id', 'x_file'
        ))
    from machines

)

select * from final
