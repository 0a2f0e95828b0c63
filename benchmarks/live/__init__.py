"""Live loads against servers on loopback: API calls, peak memory, downloads of any size.

`aws` measures metrics and a download, `clouds` metrics of Azure and Google Cloud (whose servers are `azure` and `google`),
`export` a whole billing export.
"""
