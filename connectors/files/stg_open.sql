-- stg_open: an open format's columns are its table's own.
-- grain: one row a row of the file
with raw as (

    select * from raw

),

final as (

    select * exclude (x_file) from raw

)

select * from final
