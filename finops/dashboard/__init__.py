"""The Streamlit app's pages: one file a page. They ask `finops.queries` and `finops.plans`, and show; they compute nothing."""
