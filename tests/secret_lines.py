"""Secrets as workers print them, and harmless strings that look like some. Every random part is made when the test
runs, so no secret stands in this repository.

A line's template holds {set:N} for N random characters; those parts are what must not come through. UUID and PEM stand
for more.
"""

import base64
import random
import re
import string
import uuid

SETS = {
    "alnum": string.ascii_letters + string.digits,
    "letters": string.ascii_letters,
    "lower": string.ascii_lowercase + string.digits,
    "upper": string.ascii_uppercase + string.digits,
    "base32": string.ascii_uppercase + "234567",
    "base64": string.ascii_letters + string.digits + "+/",
    "hex": "0123456789abcdef",
    "digits": string.digits,
    "bech": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
    "word": string.ascii_lowercase,
    "odd": string.ascii_letters + string.digits + "!#%*+-.?^_~",
}

TOKENS = """
huggingface | Using token hf_{letters:34} from the environment
huggingface in an error | huggingface_hub.errors.HfHubHTTPError: 401 Client Error: token hf_{letters:34} is expired
huggingface organisation | token=api_org_{letters:34}
openai project | AuthenticationError: Error code: 401 - Incorrect API key provided: sk-proj-{alnum:74}T3BlbkFJ{alnum:74}
openai of old | sk-{alnum:20}T3BlbkFJ{alnum:20}
anthropic | x-api-key sk-ant-api03-{alnum:93}AA rejected
openrouter | key: sk-or-v1-{hex:64}
langfuse | Langfuse client is authorized with sk-lf-UUID
aws id | botocore: The AWS Access Key Id AKIA{base32:16} does not exist in our records
aws secret | aws_secret_access_key = {base64:40}
aws session | AWS_SESSION_TOKEN=IQoJb3JpZ2luX2Vj{base64:120}
aws bedrock | AWS_BEARER_TOKEN_BEDROCK=ABSK{base64:128}
google api | https://generativelanguage.googleapis.com/v1/models?key=AIza{alnum:35}
google oauth | got access token ya29.{alnum:80}
google refresh | refresh with 1//0g{alnum:60}
github classic | remote: https://ghp_{alnum:36}@github.com/acme/models.git
github fine | github_pat_{alnum:22}_{alnum:59}
github app | x-access-token:ghs_{alnum:36}
gitlab personal | pip --index-url https://__token__:glpat-{alnum:20}@gitlab.example.com/simple
gitlab runner | Registering runner with glrt-{alnum:20}
gitlab trigger | trigger glptt-{hex:40}
gitlab deploy | gldt-{alnum:20}
gitlab job | CI_JOB_TOKEN glcbt-64_{alnum:20}
gitlab agent | glagent-{alnum:50}
azure client secret | AADSTS7000215: Invalid client secret provided: {alnum:3}8Q~{alnum:34}
azure openai | Azure OpenAI: 401 with {alnum:52}JQQJ99{alnum:4}AC{alnum:4}AAAB{alnum:8}
azure storage | DefaultEndpointsProtocol=https;AccountName=m;AccountKey={base64:86}==;EndpointSuffix=core.windows.net
azure sas | https://m.blob.core.windows.net/w/a.safetensors?sv=2022-11-02&sr=b&sig={alnum:43}%3D&se=2026-01-01
azure devops | {alnum:52}JQQJ99{alnum:8}AZDO{alnum:14}
twilio | twilio.base.exceptions.TwilioRestException: SK{hex:32} is not valid
bannerbear | bb_ma_{hex:30} may not make images
close | 401 from Close with api_{alnum:22}.{alnum:22}
endor labs | endorctl: endr+{alnum:16} has no access
klaviyo | events refused for pk_{hex:34}
newrelic mobile | agent started with AA{hex:40}-NRMA
nightfall | NF-{alnum:32} scans nothing
pagarme | charged with ak_live_{alnum:30}
pubnub | publish signed by sec-c-{alnum:48}
salesforce session | sforce: 00D{alnum:12}!{alnum:96} has timed out
salesforce refresh | renewing by 5Aep861{alnum:80}
sonarcloud | sonar-scanner uses sqco_{alnum:59}
stripe intent | confirm pi_{alnum:24}_secret_{alnum:25} failed
ubidots | BBFF-{alnum:30} sends too often
voiceflow | dialog VF.DM.{hex:24}.{alnum:16} is gone
zoho | refresh 1000.{hex:32}.{hex:32} refused
locationiq | https://eu1.locationiq.com answered 401 to pk.{hex:32}
tines | POST https://acme-1.tines.com/webhook/{hex:32}/{hex:32} 404
resend | resend.exceptions: re_{alnum:8}_{alnum:24} is restricted to sending
brave | search with BSA{alnum:28}
e2b | sandbox of e2b_{hex:40} timed out
anyscale | anyscale: logged in with esecret_{lower:40}
lambda | 403 for secret_gpu_{hex:32}.{alnum:32}
neon | neonctl: napi_{hex:64}
browserbase | session with bb_live_{alnum:27}
paypal | token access_token$production${lower:16}${hex:32} expired
lob | lob: test_{hex:35}
gocardless | connecting with live_{alnum:40}
mapbox | tiles?access=sk.eyJ{alnum:60}.{alnum:22}
huggingface oauth | signed in: hf_oauth_{alnum:60}
mailgun | requests.post(auth=("api", "key-{hex:32}"))
mailchimp | {hex:32}-us14
doppler | doppler run --token dp.st.prd.{alnum:43}
doppler personal | dp.pt.{alnum:43}
linear | lin_api_{alnum:40}
notion | notion_client: API token ntn_{digits:11}{alnum:35} is invalid
telegram | https://api.telegram.org/bot{digits:10}:AA{alnum:33}/sendMessage
discord | discord.errors.LoginFailure: Improper token has been passed: MTE{alnum:23}.G{alnum:5}.{alnum:38}
square | sq0atp-{alnum:22} and secret sq0csp-{alnum:43}
shopify | X-Shopify-Access-Token: shpat_{hex:32}
newrelic user | NRAK-{upper:27}
newrelic licence | newrelic: invalid license {hex:36}NRAL
grafana service | glsa_{alnum:32}_{hex:8}
grafana cloud | glc_eyJ{alnum:100}
age | AGE-SECRET-KEY-1{bech:58}
fireworks | fireworks.client.error.AuthenticationError: fw_{alnum:24}
perplexity | pplx-{alnum:48}
xai | xai-{alnum:80}
pinecone | pcsk_{alnum:6}_{alnum:63}
cerebras | csk-{lower:48}
together | tgp_v1_{alnum:43}
tavily | tvly-dev-{alnum:32}
jina | jina_{hex:32}{alnum:28}
elevenlabs | sk_{hex:48}
artifactory | curl -H "X-JFrog-Art-Api: AKCp{alnum:69}" https://repo
artifactory reference | cmVmdGtu{alnum:56}
terraform | TF: {alnum:14}.atlasv1.{alnum:67}
planetscale | pscale_pw_{alnum:43}
heroku | HRKU-AA{alnum:58}
heroku of old | HEROKU_API_KEY=UUID
zhipu | zhipuai.core._errors.APIAuthenticationError: {hex:32}.{alnum:16}
alibaba | LTAI5t{alnum:18}
tencent | AKID{alnum:32}
baidu | bce-v3/ALTAK-{alnum:21}/{hex:40}
yandex | Api-Key AQVN{alnum:36}
replicate | r8_{alnum:37}
groq | gsk_{alnum:52}
nvidia | nvapi-{alnum:64}
runpod | rpa_{upper:40}{alnum:6}
modal | ak-{alnum:22} as-{alnum:22}
wandb new | wandb_v1_{alnum:60}
langsmith | lsv2_pt_{hex:32}_{hex:10}
docker hub | dckr_pat_{alnum:27}
pypi | pypi-AgEIcHlwaS5vcmc{alnum:90}
npm | //registry.npmjs.org/:_authToken=npm_{alnum:36}
slack bot | xoxb-{digits:12}-{digits:12}-{alnum:24}
slack hook | https://hooks.slack.com/services/T{upper:8}/B{upper:10}/{alnum:24}
discord hook | https://discord.com/api/webhooks/{digits:18}/{alnum:68}
teams hook | https://acme.webhook.office.com/webhookb2/UUID@UUID/IncomingWebhook/{hex:32}/UUID
stripe | sk_live_{alnum:24}
sendgrid | SG.{alnum:22}.{alnum:43}
databricks | dapi{hex:32}
digitalocean | dop_v1_{hex:64}
tailscale | tskey-auth-{alnum:17}-{alnum:32}
vault | hvs.{alnum:90}
vault of old | VAULT_TOKEN=s.{alnum:24}
supabase | sbp_{hex:40}
vercel | vcp_{alnum:56}
flyio | fm2_{base64:160}
figma | figd_{alnum:40}
postman | PMAK-{hex:24}-{hex:34}
sentry | sntryu_{hex:64}
sentry dsn | dsn=https://{hex:32}@o123.ingest.sentry.io/4501
hubspot | pat-na1-UUID
atlassian | ATATT3{alnum:186}
bitbucket | https://svc:ATBB{alnum:32}@bitbucket.org/a/b
circleci | CCIPAT_{alnum:22}_{hex:40}
rubygems | rubygems_{hex:48}
1password | A3-{base32:6}-{base32:11}-{base32:5}-{base32:5}-{base32:5}
vendor | adafruit: "{alnum:32}"
vendor digest | discord => {hex:64}
vendor client | "contentful_delivery": "{alnum:43}"
digitalocean refresh | dor_v1_{hex:64}
clickhouse | clickhouse-connect: 4b1d{alnum:38} was refused
bundler | BUNDLE_GEMS__CONTRIBSYS__COM={hex:8}:{hex:8} bundle install
jwt in base64 | kubernetes secret ZXlKaGJHY2lPaUpJ{alnum:90}
otlp headers | OTEL_EXPORTER_OTLP_HEADERS=x-honeycomb-team={alnum:22},x-other=1
otlp headers alone | OTEL_EXPORTER_OTLP_TRACES_HEADERS="api-key={alnum:24}"
otlp basic | export OTEL_EXPORTER_OTLP_METRICS_HEADERS=Authorization=Basic%20{base64:36}
otlp unknown | OTEL_EXPORTER_OTLP_LOGS_HEADERS: acme-ingest={alnum:20},acme-site=eu
otlp of a pod | {"name": "OTEL_EXPORTER_OTLP_HEADERS", "value": "signoz-ingestion={alnum:24}"}
otlp quoted | OTEL_EXPORTER_OTLP_HEADERS='x-scope={word:9}, acme={alnum:20}' python worker.py
jwt | eyJhbGciOiJIUzI1NiJ9.eyJzdWIi{alnum:40}.{alnum:43}
"""

NAMED = r"""
bearer | 'Authorization': 'Bearer {alnum:24}'
basic | Authorization: Basic {base64:28}=
apikey scheme | > Authorization: ApiKey {base64:58}==
negotiate scheme | Authorization: Negotiate {base64:120}
splunk scheme | Authorization: Splunk UUID
digest scheme | Authorization: Digest username="u", nonce="{hex:32}", response="{hex:32}"
sigv4 | Authorization: AWS4-HMAC-SHA256 Credential=AKIA{base32:16}/20260101/us/s3/aws4_request, Signature={hex:64}
own scheme | "authorization": "Acme {alnum:20}"
header pairs | headers=[(b'host', b'x'), (b'x-api-key', b'{alnum:24}')]
proxy | Proxy-Authorization: Basic {base64:24}
PGPASSWORD | PGPASSWORD={alnum:9} psql -h db
MYSQL_PWD | export MYSQL_PWD='{odd:12}'
DB_PASS | DB_PASS={word:9}
dbpassword | dbpassword: {word:10}
openai hex | OPENAI_KEY={hex:32}
invented key | ACME_GATEWAY_KEY={hex:40}
invented token | my_service_token: {word:12}
secret with odd characters | SECRET_KEY = "{odd:30}$&)"
comma in it | -e ADMIN_PASSWORD={word:6},{word:6} image
escaped json | {"msg": "{\"api_key\": \"{alnum:20}\", \"n\": 1}"}
twice escaped json | "{\\\"client_secret\\\": \\\"{alnum:24}\\\"}"
python dict | {'password': '{odd:14}', 'user': 'x'}
kubernetes | {"name": "ACME_TOKEN", "value": "{alnum:20}"}
yaml | dbPassword: "{odd:14}"
xml | <server><id>x</id><password>{odd:12}</password></server>
docker config | {"auths": {"reg.example": {"auth": "{base64:40}"}}}
curl user | curl -u svc:{alnum:12} https://x.example/v1
curl quoted user | curl --user 'svc:{word:5} {word:6}' https://x.example/v1
sshpass | sshpass -p {alnum:10} ssh root@gpu-7
sshpass quoted | sshpass -p '{word:6} {word:6}' ssh root@gpu-7
mysql | mysql -h db -u root -p{alnum:10} app
mysqldump quoted | mysqldump -uroot -p'{odd:12}' app
redis-cli | redis-cli -h r -a {alnum:16} ping
docker login | docker login -u svc -p {alnum:14} reg.example
password on stdin | echo {alnum:12} | docker login --password-stdin -u x reg
wandb login | wandb login --relogin {hex:40}
shell quote in it | run --db-password 'it'\''s{word:8}' --port 1
openssl | openssl rsa -passin pass:{alnum:12} -in k.pem
database url | postgresql+asyncpg://svc:{alnum:8}/{alnum:8}@db.internal:5432/app
redis url | redis://:{alnum:16}@cache:6379/0
at in password | mongodb+srv://svc:{alnum:6}@{alnum:6}@cluster0.example.net/x
odbc | Driver=SQL;Server=db;Uid=app;Pwd={alnum:11};Database=x
pgpass | db.internal:5432:app:svc:{alnum:11}
netrc | machine api.wandb.ai login user password {hex:40}
presigned | https://b.s3.amazonaws.com/m?X-Amz-Credential=AKIA{base32:16}%2Fx&X-Amz-Signature={hex:64}
cookie | Cookie: session={alnum:32}; csrftoken={alnum:32}
zhipu name | ZHIPUAI_API_KEY={hex:32}.{alnum:16}
wandb name | WANDB_API_KEY: {hex:40}
key block | PEM
"""

HARMLESS = r"""
commit {hex:40}
HEAD is now at {hex:7} Update requirements.txt
sha256:{hex:64}
torch==2.3.1 --hash=sha256:{hex:64}
Downloading torch-2.3.1+cu121-cp310-cp310-linux_x86_64.whl (sha256={hex:64})
"md5": "{hex:32}", "size": 123
etag: "{hex:32}"
ETag "{hex:64}"
models--meta-llama--Llama-3-8B/snapshots/{hex:40}/config.json
/root/.cache/huggingface/hub/models--x/blobs/{hex:64}
prefix cache key: {hex:64}
cache_key={hex:32}
TRITON_CACHE_KEY={hex:64}
/root/.triton/cache/{base32:52}/add_kernel.cubin
/tmp/torchinductor_root/{lower:2}/c{lower:51}.py
torch.compile cache hit for key f{lower:51}
request id UUID
req-UUID finished
"request_id": "{hex:32}"
chatcmpl-{hex:32} prompt tokens 12
cmpl-UUID
trace_id={hex:32} span_id={hex:16}
traceparent: 00-{hex:32}-{hex:16}-01
GPU-UUID
NVIDIA_VISIBLE_DEVICES=GPU-UUID
MIG-UUID
container id {hex:64}
docker.io/vllm/vllm-openai@sha256:{hex:64}
pod worker-{lower:10}-{lower:5} on node ip-10-0-1-17
_ZN3c104cuda{digits:2}CUDACachingAllocator{digits:1}allocateEmPv
_ZN2at6native{digits:2}_GLOBAL__N__{hex:8}_10_Blas_cu_{hex:8}4gemmEv
void at::native::vectorized_elementwise_kernel<4, at::native::FillFunctor<float>>(int) [{hex:12}]
frame #3: 0x{hex:16} in /lib/libtorch_cuda.so
libcudart-{hex:8}.so.12.1.105
Build id: {hex:40}
BuildID[sha1]={hex:40}
"integrity": "sha512-{base64:86}=="
wheel hash sha384-{base64:64}
Etag W/"{hex:10}"
KeyError: 'model.layers.{digits:2}.mlp.experts.{digits:1}.w1.weight'
key: model.layers.{digits:2}.self_attn.q_proj.weight_scale_inv
Missing key(s) in state_dict: "model.layers.{digits:2}.input_layernorm.weight"
eos_token_id={digits:6} pad_token='<|finetune_right_pad_id|>'
Token indices sequence length is longer than the maximum: {digits:5} > 4096
--max-num-batched-tokens {digits:4} --tokenizer acme/Model-{digits:2}B-Instruct-v0.{digits:1}
new token: {digits:5} logprob -0.{digits:6}
session UUID closed
partition key {hex:32}
lock file /tmp/{hex:32}.lock
Loading safetensors checkpoint shards: {digits:2}% Completed
model-000{digits:2}-of-00030.safetensors
revision: {hex:40}
"_commit_hash": "{hex:40}"
nccl unique id {hex:40}
ncclCommInitRank comm 0x{hex:12} rank 3 nranks 8 busId {hex:4}00 commId 0x{hex:16} - Init COMPLETE
Xid (PCI:0000:{hex:2}:00): 79, pid={digits:5}, GPU has fallen off the bus
"uuid": "UUID", "name": "job-{lower:8}"
runpod job {lower:14}-u1
Started job UUID-u1
s3://acme-models/{hex:32}/model.bin
https://cdn-lfs.example.co/repos/{hex:2}/{hex:2}/{hex:64}
conda package pytorch-2.3.1-py3.10_cuda12.1_cudnn8.9.2_0 {hex:32}
deb libcublas-12-1_12.1.3.1-1_amd64.deb {hex:64}
version 2.4.0.dev{digits:8}+cu124 git {hex:8}
PR_{digits:5} merged as {hex:12}
worker-{digits:1} pid {digits:5} rss {digits:9}
password authentication failed for user "svc"
Invalid API key provided
the token is expired, log in again
secret not found in namespace default
"""


def fill(template, rng):
    """The line, and its random parts."""
    parts = []

    def one(match):
        kind, n = match[1], int(match[2])
        parts.append("".join(rng.choice(SETS[kind]) for _ in range(n)))
        return parts[-1]

    def name(_match):
        parts.append(str(uuid.UUID(int=rng.getrandbits(128), version=4)))
        return parts[-1]

    def pem(_match):
        body = base64.b64encode(rng.randbytes(96)).decode()
        parts.extend([body[:64], body[64:]])
        return f"-----BEGIN RSA PRIVATE KEY-----\\n{body[:64]}\\n{body[64:]}\\n-----END RSA PRIVATE KEY-----\\n"

    line = re.sub(r"\bPEM\b", pem, re.sub(r"\bUUID\b", name, template))
    return re.sub(r"\{(%s):(\d+)\}" % "|".join(SETS), one, line), parts


def secrets(seed):
    """[(label, line, parts that must not come through)]"""
    rng = random.Random(seed)
    out = []
    for row in (TOKENS + NAMED).strip().split("\n"):
        if row:
            label, template = row.split(" | ", 1)
            line, parts = fill(template, rng)
            out.append((label, line, [p for p in parts if len(p) >= 5]))
    return out


def harmless(seed, n):
    """`n` lines without a secret."""
    rng = random.Random(seed)
    templates = HARMLESS.strip().split("\n")
    return [fill(templates[i % len(templates)], rng)[0] for i in range(n)]
