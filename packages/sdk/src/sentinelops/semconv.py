"""Attribute and metric names we emit, in one place; standard library only, shared by the SDK and the server.

Source: OpenTelemetry GenAI semantic conventions (open-telemetry/semantic-conventions-genai, Development status) as of
2026-11. Every older spelling is read by the server's dialects; only these are written. What the conventions do not name
yet stands under `sentinelops.`, and the specification's own names under `llm.`.
"""

from __future__ import annotations

# gen_ai.*: strings unless said otherwise
OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens"  # int
REQUEST_CHOICE_COUNT = "gen_ai.request.choice.count"  # int, only when not 1
REQUEST_TEMPERATURE = "gen_ai.request.temperature"  # double
REQUEST_TOP_P = "gen_ai.request.top_p"  # double
REQUEST_TOP_K = "gen_ai.request.top_k"  # int
REQUEST_FREQUENCY_PENALTY = "gen_ai.request.frequency_penalty"  # double
REQUEST_PRESENCE_PENALTY = "gen_ai.request.presence_penalty"  # double
REQUEST_STOP_SEQUENCES = "gen_ai.request.stop_sequences"  # string[]
REQUEST_SEED = "gen_ai.request.seed"  # int
REQUEST_STREAM = "gen_ai.request.stream"  # bool, only when true
REQUEST_ENCODING_FORMATS = "gen_ai.request.encoding_formats"  # string[]
REQUEST_REASONING_LEVEL = "gen_ai.request.reasoning.level"
REQUEST_PREVIOUS_RESPONSE_ID = "gen_ai.request.previous_response.id"
RESPONSE_ID = "gen_ai.response.id"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_FINISH_REASONS = "gen_ai.response.finish_reasons"  # string[]
RESPONSE_STATUS = "gen_ai.response.status"  # of the Responses API: completed, queued, incomplete, failed ...
RESPONSE_TIME_TO_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"  # double, seconds
USAGE_INPUT_TOKENS = "gen_ai.usage.input_tokens"  # int, includes cache reads and writes
USAGE_OUTPUT_TOKENS = "gen_ai.usage.output_tokens"  # int, includes reasoning
USAGE_CACHE_READ_TOKENS = "gen_ai.usage.cache_read.input_tokens"  # int
USAGE_CACHE_WRITE_TOKENS = "gen_ai.usage.cache_write.input_tokens"  # int
USAGE_REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens"  # int
USAGE_AUDIO_INPUT_TOKENS = "gen_ai.usage.audio.input_tokens"  # int
USAGE_AUDIO_OUTPUT_TOKENS = "gen_ai.usage.audio.output_tokens"  # int
USAGE_IMAGE_INPUT_TOKENS = "gen_ai.usage.image.input_tokens"  # int
USAGE_IMAGE_OUTPUT_TOKENS = "gen_ai.usage.image.output_tokens"  # int
USAGE_AUDIO_CACHE_READ_TOKENS = "gen_ai.usage.audio.cache_read.input_tokens"  # int, subset of both
USAGE_IMAGE_CACHE_READ_TOKENS = "gen_ai.usage.image.cache_read.input_tokens"  # int, subset of both
CONVERSATION_ID = "gen_ai.conversation.id"
OUTPUT_TYPE = "gen_ai.output.type"  # text, json, image, speech
INPUT_MESSAGES = "gen_ai.input.messages"  # JSON: [{role, parts: [...]}]
OUTPUT_MESSAGES = "gen_ai.output.messages"  # JSON: [{role, parts: [...], finish_reason}]
SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions"  # JSON: [part]
TOOL_DEFINITIONS = "gen_ai.tool.definitions"  # JSON
TOOL_NAME = "gen_ai.tool.name"
TOOL_CALL_ID = "gen_ai.tool.call.id"
TOOL_CALL_ARGUMENTS = "gen_ai.tool.call.arguments"  # JSON
TOOL_CALL_RESULT = "gen_ai.tool.call.result"  # JSON
AGENT_NAME = "gen_ai.agent.name"
PROMPT_NAME = "gen_ai.prompt.name"
WORKFLOW_NAME = "gen_ai.workflow.name"
RETRIEVAL_DOCUMENTS = "gen_ai.retrieval.documents"  # JSON
EMBEDDINGS_DIMENSIONS = "gen_ai.embeddings.dimension.count"  # int
EVALUATION_EVENT = "gen_ai.evaluation.result"  # name of an event; its trace and span say what it is about
EVALUATION_NAME = "gen_ai.evaluation.name"
EVALUATION_SCORE_VALUE = "gen_ai.evaluation.score.value"  # double
EVALUATION_SCORE_LABEL = "gen_ai.evaluation.score.label"
EVALUATION_EXPLANATION = "gen_ai.evaluation.explanation"

# other standard names
SESSION_ID = "session.id"
USER_ID = "user.id"
ERROR_TYPE = "error.type"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"  # int
SERVICE_NAME = "service.name"
SERVICE_INSTANCE_ID = "service.instance.id"
DEPLOYMENT_ENVIRONMENT = "deployment.environment.name"
MCP_METHOD = "mcp.method.name"
MCP_PROTOCOL_VERSION = "mcp.protocol.version"
MCP_RESOURCE_URI = "mcp.resource.uri"
JSONRPC_REQUEST_ID = "jsonrpc.request.id"
RPC_STATUS_CODE = "rpc.response.status_code"
OPENAI_API_TYPE = "openai.api.type"  # chat_completions, responses
OPENAI_REQUEST_SERVICE_TIER = "openai.request.service_tier"
OPENAI_RESPONSE_SERVICE_TIER = "openai.response.service_tier"
OPENAI_SYSTEM_FINGERPRINT = "openai.response.system_fingerprint"
ANTHROPIC_CACHE_WRITE_5M_TOKENS = "anthropic.usage.cache_creation.ephemeral_5m_input_tokens"  # int, subset
ANTHROPIC_CACHE_WRITE_1H_TOKENS = "anthropic.usage.cache_creation.ephemeral_1h_input_tokens"  # int, subset
ANTHROPIC_REQUEST_SERVICE_TIER = "anthropic.request.service_tier"
ANTHROPIC_RESPONSE_SERVICE_TIER = "anthropic.response.service_tier"  # standard, priority, batch; fast: the fast mode
ANTHROPIC_COMPACTION_INPUT_TOKENS = "anthropic.usage.compaction.input_tokens"  # int, not in the input count
ANTHROPIC_COMPACTION_OUTPUT_TOKENS = "anthropic.usage.compaction.output_tokens"  # int, not in the output count
ANTHROPIC_ADVISOR_INPUT_TOKENS = "anthropic.usage.advisor.input_tokens"  # int, of another model, not in the count
ANTHROPIC_ADVISOR_OUTPUT_TOKENS = "anthropic.usage.advisor.output_tokens"  # int, of another model, not in the count
ANTHROPIC_THINKING_TYPE = "anthropic.thinking.type"  # enabled, adaptive, disabled ...
ANTHROPIC_THINKING_BUDGET = "anthropic.thinking.budget_tokens"  # int
ANTHROPIC_BETA = "anthropic.beta"  # string[]
ANTHROPIC_STOP_SEQUENCE = "anthropic.message.stop_sequence"  # which of the request's ended it
ANTHROPIC_REFUSAL_CATEGORY = "anthropic.message.refusal.category"
ANTHROPIC_CONTAINER_ID = "anthropic.container.id"
ANTHROPIC_COUNTED_TOKENS = "anthropic.message.count_tokens.input_tokens"  # int: asked, not spent
AZURE_NAMESPACE = "azure.resource_provider.namespace"  # Microsoft.CognitiveServices
AWS_GUARDRAIL_ID = "aws.bedrock.guardrail.id"
AWS_KNOWLEDGE_BASE_ID = "aws.bedrock.knowledge_base.id"

# the specification's own
MEMORY_USED_BYTES = "llm.memory.used_bytes"  # int: change of the process's resident memory over the call
INFERENCE_DURATION_SECONDS = "llm.inference.duration_seconds"  # double: the provider's own timing

# ours
SPAN_TYPE = "sentinelops.span.type"  # agent, tool, chain, retrieval ... on spans made with observe() and span()
INPUT = "sentinelops.input"  # JSON: arguments of an observed function
OUTPUT = "sentinelops.output"  # JSON: what it returned
TAGS = "sentinelops.tags"  # string[]
METADATA_PREFIX = "sentinelops.metadata."  # + key
OUTCOME = "sentinelops.outcome"  # "cancelled": the caller stopped early
PROVIDER_REQUEST_ID = "sentinelops.provider.request_id"  # the provider's id of the HTTP exchange (x-request-id)
ERROR_CODE = "sentinelops.error.code"  # the provider's own word for it: rate_limit_exceeded, context_length_exceeded
USAGE_ACCEPTED_PREDICTION_TOKENS = "sentinelops.usage.accepted_prediction_tokens"  # int, subset of output
USAGE_REJECTED_PREDICTION_TOKENS = "sentinelops.usage.rejected_prediction_tokens"  # int, subset of output
USAGE_IMAGES = "sentinelops.usage.images"  # int: pictures made
USAGE_CHARACTERS = "sentinelops.usage.characters"  # int: characters that were spoken
USAGE_AUDIO_SECONDS = "sentinelops.usage.audio_seconds"  # double: sound that was listened to
USAGE_WEB_SEARCHES = "sentinelops.usage.web_searches"  # int: searches that the provider made for the model
USAGE_WEB_FETCHES = "sentinelops.usage.web_fetches"  # int: pages that the provider fetched for the model
BATCH_ID = "sentinelops.batch.id"  # the provider's id of a batch of calls
BATCH_CUSTOM_ID = "sentinelops.batch.custom_id"  # the host's name for one call of a batch
BATCH_SIZE = "sentinelops.batch.size"  # int: how many calls were handed in
REQUEST_MODEL_SENT = "sentinelops.request.model_sent"  # what the call named, where the model is known to be another
AZURE_API_VERSION = "sentinelops.azure.api_version"  # the date in the address; the v1 API has none
BEDROCK_SERVICE_TIER = "sentinelops.bedrock.service_tier"  # as the answer says, else as asked for
BEDROCK_LATENCY_MODE = "sentinelops.bedrock.latency"  # performanceConfig: standard, optimized
GUARDRAIL_ACTION = "sentinelops.guardrail.action"  # the provider's word: INTERVENED, NONE
GUARDRAIL_FINDINGS = "sentinelops.guardrail.findings"  # string[]: policy/what/action, never the text that matched
MODEL_DEVICE = "sentinelops.model.device"  # where a model runs in this process: cpu, cuda:0, mps
MODEL_DTYPE = "sentinelops.model.dtype"  # what its numbers are: float32, bfloat16 ...
TRANSFORMERS_TASK = "sentinelops.transformers.task"  # of the pipeline
TRANSFORMERS_INPUTS = "sentinelops.transformers.inputs"  # int: how many were handed in at once, only when more than one
HTTP_STATUS = "http.response.status_code"  # int
ATTEMPTS = "sentinelops.attempts"  # int: HTTP attempts inside the client, only when more than one
SAMPLING_WEIGHT = "sentinelops.sampling.weight"  # double: how many calls this one stands for
SAMPLING_DETAIL = "sentinelops.sampling.detail"  # bool, false: bodies and the spans around it were sampled out
CONTENT_TRUNCATED = "sentinelops.content.truncated"  # int: characters left out of the messages
REDACTIONS_PREFIX = "sentinelops.redactions."  # + type, or field.detector: int, redacted at the source
SCORE_ID = "sentinelops.score.id"  # of an evaluation event: given again, it replaces the one before
SCORE_SOURCE = "sentinelops.score.source"  # app, user, human, evaluator ...
SCORE_TYPE = "sentinelops.score.type"  # "boolean": the value 1 or 0 is a thumb up or down

# what an SDK process says of itself, as cumulative OTLP sums; attribute `reason` where it applies
SDK_SPANS_CREATED = "sentinelops.sdk.spans.created"
SDK_SPANS_SENT = "sentinelops.sdk.spans.sent"
SDK_SPANS_RETRIED = "sentinelops.sdk.spans.retried"
SDK_SPANS_DROPPED = "sentinelops.sdk.spans.dropped"
SDK_SPANS_SAMPLED_OUT = "sentinelops.sdk.spans.sampled_out"

# standard client metrics
CLIENT_OPERATION_DURATION = "gen_ai.client.operation.duration"  # histogram, s
CLIENT_TOKEN_USAGE = "gen_ai.client.token.usage"  # histogram, {token}
CLIENT_TIME_TO_FIRST_CHUNK = "gen_ai.client.operation.time_to_first_chunk"  # histogram, s
