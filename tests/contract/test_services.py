"""Every service that the product knows by name stands in the FOCUS category, with the ML mark, that a practitioner expects."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from connectors.aws.billing import CUR
from connectors.azure import COST_DETAILS
from connectors.gcp.billing import BILLING_EXPORT
from finops.focus import subcategories
from tests.staging import stage, write_csv

# FOCUS subcategory → the billing keys of services in it, separated by `|`.
# AWS: product code, and `:product family` where one code is several services.
AWS = {
    "Virtual Machines": "AmazonEC2:Compute Instance|AmazonEC2:Compute Instance (bare metal)|AmazonEC2:Dedicated Host"
    "|AmazonEC2:CPU Credits|AmazonEC2",
    "Containers": "AmazonECS|AmazonECS:Compute|AWSFargate|AmazonEKS:Compute|AmazonECR:EC2 Container Registry",
    "Serverless Compute": "AWSLambda:Serverless|AWSLambda",
    "AI Platforms": "AmazonSageMaker:ML Instance|AmazonSageMaker:ML Serverless|AmazonSageMaker:ML Storage|AmazonSageMaker",
    "Generative AI": "AmazonBedrock|AmazonBedrockService|AmazonBedrockFoundationModels",
    "Natural Language Processing": "comprehend|AmazonComprehend|transcribe|AmazonTranscribe|AmazonPolly|translate",
    "Machine Learning": "AmazonRekognition",
    "Object Storage": "AmazonS3:Storage|AmazonS3:API Request|AmazonS3:Fee|AmazonS3:Data Transfer|AmazonS3GlacierDeepArchive"
    "|AmazonS3Express|AmazonGlacier",
    "Block Storage": "AmazonEC2:Storage|AmazonEC2:Storage Snapshot|AmazonEC2:System Operation|AmazonEC2:Provisioned Throughput",
    "File Storage": "AmazonEFS|AmazonFSx",
    "Relational Databases": "AmazonRDS:Database Instance|AmazonRDS:Database Storage|AmazonRDS:Serverless|AmazonAurora",
    "NoSQL Databases": "AmazonDynamoDB:Database Storage|AmazonNeptune|AmazonDocDB",
    "Caching": "AmazonElastiCache:Cache Instance",
    "Search": "AmazonES|AmazonOpenSearchService",
    "Data Warehouses": "AmazonRedshift:Compute Instance",
    "Data Processing": "ElasticMapReduce:Elastic Map Reduce Instance|AWSGlue",
    "Analytics Platforms": "AmazonAthena",
    "Business Intelligence": "AmazonQuickSight",
    "Data Governance": "AWSLakeFormation",
    "Streaming Analytics": "AmazonKinesis|AmazonKinesisFirehose|AmazonKinesisAnalytics",
    "Media Streaming": "AmazonKinesisVideo",
    "Messaging": "AmazonMSK|AWSQueueService|AmazonSNS|AWSEvents|AmazonEventBridge|AmazonMQ",
    "Workflow Orchestration": "AmazonStates|AmazonMWAA",
    "Network Infrastructure": "AmazonVPC|AmazonVPC:IP Address|AmazonEC2:IP Address|AmazonEC2:NAT Gateway",
    "Network Connectivity": "AmazonVPC:Transit Gateway|AmazonEC2:Transit Gateway|AmazonVPC:VpcEndpoint|AmazonEC2:VpcEndpoint"
    "|AmazonVPC:Cloud Connectivity|AWSDirectConnect|AWSDataTransfer|AmazonEC2:Data Transfer",
    "Application Networking": "AWSELB|AmazonEC2:Load Balancer|AWSELB:Load Balancer-Application|AWSELB:Load Balancer-Network"
    "|AWSAppMesh",
    "Content Delivery": "AmazonCloudFront",
    "Network Routing": "AmazonRoute53|AWSGlobalAccelerator",
    "Observability": "AmazonCloudWatch:Metric|AmazonCloudWatch:Storage Snapshot|AmazonCloudWatch|AWSXRay",
    "Secret Management": "awskms|AWSSecretsManager",
    "Support": "AWSSupportBusiness|AWSSupportEnterprise|AWSDeveloperSupport|AWSPremiumSupport",
}

# Azure: meter category, `:resource type` where the line has a resource, `:meter subcategory`.
AZURE = {
    "Virtual Machines": "Virtual Machines|Virtual Machines:microsoft.compute/virtualmachines"
    "|Virtual Machines:microsoft.compute/virtualmachinescalesets|Virtual Machines Licenses:microsoft.compute/virtualmachines"
    "|Virtual Machines:microsoft.compute/availabilitysets|Azure Dedicated Host:microsoft.compute/hostgroups",
    "Containers": "Container Instances:microsoft.containerinstance/containergroups|Container Registry"
    "|Azure Kubernetes Service:microsoft.containerservice/managedclusters|Azure Container Apps"
    "|Container Registry:microsoft.containerregistry/registries",
    "Serverless Compute": "Functions:microsoft.web/sites|Azure Functions|Functions",
    "AI Platforms": "Azure Machine Learning|Azure Machine Learning:microsoft.machinelearningservices/workspaces"
    "|Virtual Machines:microsoft.machinelearningservices/workspaces|Machine Learning Studio"
    "|Cognitive Services|Cognitive Services:microsoft.cognitiveservices/accounts:Computer Vision"
    "|Cognitive Services:microsoft.cognitiveservices/accounts:Language|Azure AI Services::Speech|Foundry Tools",
    "Generative AI": "Cognitive Services:microsoft.cognitiveservices/accounts:Azure OpenAI|Azure OpenAI Service|Azure OpenAI"
    "|Foundry Models:microsoft.cognitiveservices/accounts",
    "Bots": "Azure Bot Service:microsoft.botservice/botservices|Azure AI Bot Service",
    "Search": "Azure Cognitive Search:microsoft.search/searchservices|Azure AI Search",
    "Storage Platforms": "Storage|Storage:microsoft.storage/storageaccounts"
    "|Azure Data Lake Storage:microsoft.storage/storageaccounts:Azure Data Lake Storage Gen2 Hierarchical Namespace",
    "Block Storage": "Storage:microsoft.compute/disks|Storage:microsoft.compute/snapshots|Managed Disks",
    "File Storage": "Azure NetApp Files:microsoft.netapp/netappaccounts|Azure NetApp Files",
    "Relational Databases": "SQL Database:microsoft.sql/servers|SQL Managed Instance:microsoft.sql/managedinstances"
    "|Azure Database for PostgreSQL:microsoft.dbforpostgresql/flexibleservers|Azure Database for MySQL|SQL Database",
    "NoSQL Databases": "Azure Cosmos DB:microsoft.documentdb/databaseaccounts|Azure Cosmos DB",
    "Caching": "Redis Cache:microsoft.cache/redis|Azure Cache for Redis",
    "Analytics Platforms": "Azure Synapse Analytics:microsoft.synapse/workspaces|Azure Databricks"
    "|Azure Databricks:microsoft.databricks/workspaces|Microsoft Fabric:microsoft.fabric/capacities",
    "Data Processing": "HDInsight:microsoft.hdinsight/clusters|Azure Data Factory v2:microsoft.datafactory/factories",
    "Messaging": "Event Hubs:microsoft.eventhub/namespaces|Event Hubs|Service Bus:microsoft.servicebus/namespaces"
    "|Event Grid:microsoft.eventgrid/topics|Event Grid",
    "Streaming Analytics": "Stream Analytics:microsoft.streamanalytics/streamingjobs",
    "Network Infrastructure": "Virtual Network:microsoft.network/publicipaddresses|Virtual Network"
    "|NAT Gateway:microsoft.network/natgateways",
    "Network Connectivity": "VPN Gateway:microsoft.network/virtualnetworkgateways|Azure Private Link|Bandwidth"
    "|ExpressRoute:microsoft.network/expressroutecircuits|Bandwidth:microsoft.compute/virtualmachines"
    "|Bandwidth:microsoft.storage/storageaccounts",
    "Application Networking": "Load Balancer:microsoft.network/loadbalancers"
    "|Application Gateway:microsoft.network/applicationgateways",
    "Content Delivery": "Content Delivery Network:microsoft.cdn/profiles|Azure Front Door Service:microsoft.cdn/profiles",
    "Network Routing": "Traffic Manager:microsoft.network/trafficmanagerprofiles|Azure DNS:microsoft.network/dnszones",
    "Observability": "Azure Monitor|Log Analytics:microsoft.operationalinsights/workspaces"
    "|Application Insights:microsoft.insights/components|Azure Monitor:microsoft.insights/metricalerts",
    "Secret Management": "Key Vault:microsoft.keyvault/vaults|Key Vault",
    "Support": "Azure Support|Standard Support",
}

# Google Cloud: service.description; disks, images and snapshots are SKUs of Compute Engine, CDN and NAT SKUs of Networking.
GCP = {
    "Virtual Machines": "Compute Engine",
    "Containers": "Kubernetes Engine|Artifact Registry|Container Registry",
    "Serverless Compute": "Cloud Run|Cloud Run Functions|Cloud Functions",
    "AI Platforms": "Vertex AI|Notebooks|Vertex AI Workbench",
    "Machine Learning": "Cloud AutoML|Cloud Machine Learning Engine|Cloud Vision API|Cloud TPU",
    "Generative AI": "Gemini API|Generative Language API|Vertex AI Search",
    "Natural Language Processing": "Cloud Natural Language API|Cloud Natural Language|Translate|Cloud Translation API"
    "|Cloud Speech API|Cloud Text-to-Speech API",
    "Object Storage": "Cloud Storage",
    "File Storage": "Cloud Filestore|Filestore|NetApp Volumes",
    "Relational Databases": "Cloud SQL|AlloyDB|Cloud Spanner",
    "NoSQL Databases": "Cloud Firestore|Cloud Bigtable|Cloud Datastore",
    "Caching": "Cloud Memorystore for Redis|Memorystore for Valkey",
    "Data Warehouses": "BigQuery|BigQuery Reservation API|BigQuery Storage API",
    "Data Processing": "Cloud Dataproc",
    "Streaming Analytics": "Cloud Dataflow",
    "Business Intelligence": "Looker|Looker Studio",
    "Workflow Orchestration": "Cloud Composer|Workflows|Cloud Scheduler",
    "Messaging": "Cloud Pub/Sub|Eventarc",
    "Network Infrastructure": "Networking|VPC|Cloud NAT",
    "Network Connectivity": "Cloud VPN|Cloud Interconnect",
    "Network Routing": "Cloud DNS",
    "Application Networking": "Cloud Load Balancing",
    "Content Delivery": "Cloud CDN",
    "Observability": "Cloud Monitoring|Cloud Logging|Stackdriver Monitoring",
    "Secret Management": "Cloud Key Management Service (KMS)|Secret Manager",
    "Support": "Support",
}

QUERY = """
    select "SkuId", "ServiceName", "ServiceCategory", "ServiceSubcategory", x_ml_workload from staged
"""


def _aws(path: Path, *lines: dict[str, str]) -> list[dict[str, Any]]:
    common = {
        "bill/PayerAccountId": "1", "bill/BillingEntity": "AWS", "lineItem/UsageStartDate": "2026-09-01T00:00:00Z",
        "lineItem/UsageEndDate": "2026-09-01T01:00:00Z", "lineItem/LineItemType": "Usage", "lineItem/UsageAmount": "1",
        "lineItem/UnblendedCost": "1", "product/productFamily": "", "lineItem/UsageType": "Usage", "product/instanceType": "",
    }  # fmt: skip
    return _staged(CUR, path, "product/sku", common, lines)


def _azure(path: Path, *lines: dict[str, str]) -> list[dict[str, Any]]:
    common = {
        "SubscriptionId": "s", "Date": "2026-09-10", "CostInBillingCurrency": "1", "BillingCurrency": "EUR", "Quantity": "1",
        "ChargeType": "Usage", "ResourceId": "", "MeterSubCategory": "", "AdditionalInfo": "",
    }  # fmt: skip
    return _staged(COST_DETAILS, path, "ProductId", common, lines)


def _gcp(path: Path, *lines: dict[str, str]) -> list[dict[str, Any]]:
    common = {
        "billing_account_id": "a", "usage_start_time": "2026-09-01T10:00:00Z", "usage_end_time": "2026-09-01T11:00:00Z",
        "cost": "1", "currency": "USD", "invoice.month": "202609", "cost_type": "regular", "credits": "[]",
        "service.description": "Compute Engine", "sku.description": "usage", "system_labels": "[]",
    }  # fmt: skip
    return _staged(BILLING_EXPORT, path, "sku.id", common, lines)


def _staged(fmt: Any, path: Path, sku: str, common: dict[str, str], lines: tuple[dict[str, str], ...]) -> list[dict[str, Any]]:
    """One charge a line, in the lines' order (by the SKU, which is the line's number)."""
    rows = [{sku: f"{i:04}", **common, **line} for i, line in enumerate(lines)]
    header = list(dict.fromkeys(name for row in rows for name in row))
    file = write_csv(path / "bill.csv", header, *([row.get(name) for name in header] for row in rows))
    found = {row["SkuId"]: row for row in stage(fmt, file, query=QUERY)}
    assert len(found) == len(lines)
    return [found[f"{i:04}"] for i in range(len(lines))]


def _aws_line(key: str) -> dict[str, str]:
    code, _, family = key.partition(":")
    return {"lineItem/ProductCode": code, "product/productFamily": family}


def _azure_line(key: str) -> dict[str, str]:
    meter, kind, sub = (*key.split(":"), "", "")[:3]
    resource = f"/subscriptions/s/resourceGroups/g/providers/{kind}/x" if kind else ""
    return {"MeterCategory": meter, "ResourceId": resource, "MeterSubCategory": sub}


CLOUDS = {
    "aws": (AWS, _aws, _aws_line),
    "azure": (AZURE, _azure, _azure_line),
    "gcp": (GCP, _gcp, lambda key: {"service.description": key}),
}


@pytest.mark.parametrize("cloud", CLOUDS)
def test_category_and_ml_mark(cloud: str, tmp_path: Path) -> None:
    table, bill, line = CLOUDS[cloud]
    expected = {key: sub for sub, keys in table.items() for key in keys.split("|")}
    rows = bill(tmp_path, *map(line, expected))
    category = subcategories()
    wrong = {}
    for (key, sub), row in zip(expected.items(), rows, strict=True):
        wanted = (category[sub], sub, category[sub] == "AI and Machine Learning")
        found = (row["ServiceCategory"], row["ServiceSubcategory"], row["x_ml_workload"])
        if found != wanted:
            wrong[key] = (row["ServiceName"], found, wanted)
    assert wrong == {}
    categories = defaultdict(set)
    for row in rows:
        categories[row["ServiceName"]].add(row["ServiceCategory"])
    assert not {name: several for name, several in categories.items() if len(several) > 1}


# One machine of each family: with accelerators they are ML workloads, whatever service they are billed by.
AWS_MACHINES = {
    True: "p3.2xlarge p3dn.24xlarge p4d.24xlarge p4de.24xlarge p5.48xlarge p6-b200.48xlarge g4dn.xlarge g4ad.xlarge"
    " g5.xlarge g5g.xlarge g6.xlarge g6e.12xlarge inf1.xlarge inf2.xlarge trn1.32xlarge trn1n.32xlarge trn2.48xlarge",
    False: "t3.micro t4g.small m5.large m7g.large c6in.large r6i.large x2gd.large i4i.large d3.xlarge h1.2xlarge hpc7a.12xlarge"
    " c5n.18xlarge",
}
AZURE_MACHINES = {
    True: "Standard_NC6s_v3 Standard_NC24ads_A100_v4 Standard_ND96isr_H100_v5 Standard_NV36ads_A10_v5",
    False: "Standard_B2s Standard_D4s_v5 Standard_E8s_v5 Standard_F8s_v2 Standard_M64s Standard_L8s_v3 Standard_HB120rs_v3"
    " Standard_HC44rs",
}
GCP_SKUS = {
    True: "A2 Instance Core running in Americas|A2 Instance Ram running in Americas|A3 Instance Core running in Iowa"
    "|A4 Instance Ram running in Iowa|G2 Instance Core running in Iowa|Spot Preemptible A2 Instance Core running in Iowa"
    "|Nvidia Tesla T4 GPU running in Iowa|Nvidia Tesla V100 GPU running in Iowa|Nvidia Tesla A100 GPU attached to Spot VMs"
    "|TPU-v2 Accelerator|TpuV5e running in Iowa|Tpu-v4 Pod|Trillium TPU v6e",
    False: "E2 Instance Core running in Iowa|N1 Predefined Instance Core running in Iowa|N2D AMD Instance Ram running in Iowa"
    "|C3 Instance Core running in Iowa|C4 Instance Core running in Iowa|M3 Memory-optimized Instance Ram|Storage PD Capacity",
}
GCP_SPECS = {
    True: "a2-highgpu-1g a3-megagpu-8g a4-highgpu-8g g2-standard-4 ct5lp-hightpu-4t",
    False: "e2-medium n2-highmem-4 c2-standard-8 m1-ultramem-40 c4-standard-4",
}


def _spec(machine: str) -> dict[str, str]:
    return {"system_labels": json.dumps([{"key": "compute.googleapis.com/machine_spec", "value": machine}])}


MACHINES = {
    "aws usage type": (AWS_MACHINES, " ", _aws, lambda m: _aws_line("AmazonEC2") | {"lineItem/UsageType": f"BoxUsage:{m}"}),
    "aws instance type": (AWS_MACHINES, " ", _aws, lambda m: _aws_line("AmazonEC2") | {"product/instanceType": m}),
    "azure": (AZURE_MACHINES, " ", _azure,
              lambda m: {"MeterCategory": "Virtual Machines", "AdditionalInfo": json.dumps({"ServiceType": m})}),
    "gcp SKU": (GCP_SKUS, "|", _gcp, lambda m: {"sku.description": m}),
    "gcp machine": (GCP_SPECS, " ", _gcp, _spec),
}  # fmt: skip


@pytest.mark.parametrize("case", MACHINES)
def test_machines_with_accelerators_are_ml_workloads(case: str, tmp_path: Path) -> None:
    table, between, bill, line = MACHINES[case]
    expected = {machine: ml for ml, machines in table.items() for machine in machines.split(between)}
    rows = bill(tmp_path, *map(line, expected))
    found = {machine: row["x_ml_workload"] for machine, row in zip(expected, rows, strict=True)}
    assert {machine: ml for machine, ml in found.items() if ml != expected[machine]} == {}
    assert {row["ServiceCategory"] for row in rows} == {"Compute"}


UNKNOWN = {
    "aws": (_aws, {"lineItem/ProductCode": "AmazonQuantumBakery"}, "AmazonQuantumBakery", "Other"),
    "aws, by its family": (
        _aws, {"lineItem/ProductCode": "AmazonNewDB", "product/productFamily": "Database Instance"}, "AmazonNewDB", "Databases",
    ),
    "azure": (_azure, {"MeterCategory": "Quantum Bakery"}, "Quantum Bakery", "Other"),
    "gcp": (_gcp, {"service.description": "Quantum Bakery"}, "Quantum Bakery", "Other"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNKNOWN)
def test_an_unknown_service_keeps_the_providers_name(case: str, tmp_path: Path) -> None:
    bill, line, name, category = UNKNOWN[case]
    (row,) = bill(tmp_path, line)
    assert (row["ServiceName"], row["ServiceCategory"], row["x_ml_workload"]) == (name, category, False)
