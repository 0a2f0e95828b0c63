"""Files that are no provider's own: FOCUS of any provider, and the open formats."""

from connectors.files.focus import CONTRACT_COMMITMENT, FOCUS, INVOICE_DETAIL
from connectors.files.open import OPEN

PROVIDER = ""
FORMATS = (FOCUS, CONTRACT_COMMITMENT, INVOICE_DETAIL, *OPEN)
MANIFESTS = ()
