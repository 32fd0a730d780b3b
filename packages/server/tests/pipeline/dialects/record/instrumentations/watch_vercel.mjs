// The AI SDK of Vercel: `node watch_vercel.mjs FOLDER` where FOLDER/node_modules holds one major version of `ai`,
// @ai-sdk/openai, @ai-sdk/anthropic, zod and OpenTelemetry's Node SDK (and, from version 7, @ai-sdk/otel).
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import path from 'node:path';

const folder = path.resolve(process.argv[2]);
const require = createRequire(path.join(folder, 'package.json'));
const load = async name => import(pathToFileURL(require.resolve(name)).href);
const URL_ = process.env.PROVIDER_URL;
const major = Number(require('ai/package.json').version.split('.')[0]);

const { NodeTracerProvider, BatchSpanProcessor } = require('@opentelemetry/sdk-trace-node');
const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-http');
const provider = new NodeTracerProvider({
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url: `${URL_}/v1/traces` }))],
});
provider.register();

const ai = require('ai');
const { z } = require('zod');
const openai = require('@ai-sdk/openai').createOpenAI({ baseURL: `${URL_}/v1`, apiKey: 'none' });
const anthropic = require('@ai-sdk/anthropic').createAnthropic({ baseURL: `${URL_}/v1`, apiKey: 'none' });
if (major >= 7) ai.registerTelemetry(new (require('@ai-sdk/otel').OpenTelemetry)());

const telemetry = { isEnabled: true, functionId: 'travel', metadata: { sessionId: 's-1', userId: 'u-1', team: 'blue' } };
const watched = major >= 7 ? { telemetry: { ...telemetry, metadata: undefined } } : { experimental_telemetry: telemetry };
const image = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const question = 'How is Oslo in May?';
const system = major >= 7 ? { instructions: 'Answer briefly.' } : { system: 'Answer briefly.' };
const limit = major >= 5 ? { maxOutputTokens: 64 } : { maxTokens: 64 };
const schema = z.object({ city: z.string() });
const weather = ai.tool({
  description: 'Of a city',
  [major >= 5 ? 'inputSchema' : 'parameters']: schema,
  execute: async () => 'mild',
});
const steps = major >= 5 ? { stopWhen: (ai.stepCountIs ?? ai.isStepCount)(2) } : { maxSteps: 2 };
const gpt = openai.chat('gpt-4o');

async function situation(name, work) {
  await fetch(`${URL_}/situation/v${major}_${name}`, { method: 'POST' });
  try {
    await work();
  } catch (error) {
    console.log(major, name, error.name, String(error.message).slice(0, 120));
  }
  await provider.forceFlush();
}

await situation('chat', () =>
  ai.generateText({
    model: gpt,
    ...system,
    messages: [
      { role: 'user', content: [{ type: 'text', text: question }, { type: 'image', image: Buffer.from(image, 'base64') }] },
    ],
    temperature: 0.2,
    ...limit,
    stopSequences: ['END'],
    ...watched,
  }),
);
await situation('stream', async () => {
  const result = ai.streamText({ model: gpt, prompt: question, ...watched });
  for await (const _ of result.textStream);
});
await situation('tool', () =>
  ai.generateText({ model: gpt, prompt: question, tools: { weather }, ...steps, ...watched }),
);
await situation('responses', () =>
  ai.generateText({ model: openai.responses('gpt-5'), ...system, prompt: question, ...watched }),
);
await situation('anthropic', () =>
  ai.generateText({ model: anthropic('claude-sonnet-4-5'), ...system, prompt: question, ...limit, ...watched }),
);
await situation('embeddings', async () => {
  const model = (openai.embedding ?? openai.textEmbeddingModel)('text-embedding-3-small');
  await ai.embed({ model, value: 'one', ...watched });
  await ai.embedMany({ model, values: ['one', 'two'], ...watched });
});
await situation('error', () => ai.generateText({ model: openai.chat('broken'), prompt: question, maxRetries: 0, ...watched }));
if (ai.rerank && ai.MockRerankingModelV3 === undefined) {
  const ranking = [{ index: 1, relevanceScore: 0.9 }];
  const model = {
    specificationVersion: major >= 7 ? 'v4' : 'v3',
    provider: 'cohere',
    modelId: 'rerank-v3',
    doRerank: async () => ({ ranking, response: { id: 'r-1', modelId: 'rerank-v3' } }),
  };
  await situation('rerank', () => ai.rerank({ model, query: 'Oslo', documents: ['Rome is hot.', 'Oslo is mild.'], topN: 1, ...watched }));
}
await provider.shutdown();
