// Sends three gen_ai spans with the JavaScript OpenTelemetry SDK. argv: endpoint, key, protobuf | json. Prints the trace id.
const { trace, SpanKind, SpanStatusCode } = require("@opentelemetry/api");
const { NodeTracerProvider } = require("@opentelemetry/sdk-trace-node");
const { BatchSpanProcessor } = require("@opentelemetry/sdk-trace-base");
const { resourceFromAttributes } = require("@opentelemetry/resources");

const [endpoint, key, encoding] = process.argv.slice(2);
const { OTLPTraceExporter } = require(
  encoding === "json" ? "@opentelemetry/exporter-trace-otlp-http" : "@opentelemetry/exporter-trace-otlp-proto",
);
const exporter = new OTLPTraceExporter({ url: `${endpoint}/v1/traces`, headers: { "X-API-Key": key } });
const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ "service.name": `interop-js-${encoding}`, "deployment.environment.name": "test" }),
  spanProcessors: [new BatchSpanProcessor(exporter)],
});
provider.register();
const tracer = trace.getTracer("interop", "1.0.0");

const root = tracer.startActiveSpan("handle question", (span) => {
  for (const [model, prompt, completion] of [["gpt-4o", 1201, 87], ["gpt-4o-mini", 33, 9]]) {
    const call = tracer.startSpan(`chat ${model}`, {
      kind: SpanKind.CLIENT,
      attributes: {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": model,
        "gen_ai.response.model": model,
        "gen_ai.response.id": `chatcmpl-${encoding}-${model}`,
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.request.temperature": 0.25,
        "gen_ai.usage.input_tokens": prompt,
        "gen_ai.usage.output_tokens": completion,
      },
    });
    call.setStatus({ code: SpanStatusCode.OK });
    call.end();
  }
  span.end();
  return span;
});

provider.shutdown().then(
  () => console.log(root.spanContext().traceId),
  (error) => { console.error(error); process.exit(1); },
);
