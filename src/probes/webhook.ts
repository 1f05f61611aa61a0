/** Asks a receiver that the configuration of the operator names, with what Flagger's webhooks are sent. */
import type { ProbeSpec } from '../api/schema.ts';
import type { Author } from './jobObject.ts';
import { clip, type Finding, observe, unseen } from './observation.ts';
import type { HttpAnswer, Look, Probe, Sight } from './probe.ts';

export type WebhookOptions = NonNullable<ProbeSpec['webhook']>;

/** A receiver, by the name that rollouts know it by. */
export interface Receiver {
  name: string;
  url: string;
  ca?: string;
  /** Asked before every request, since mounted tokens are renewed. */
  bearerToken?: () => Promise<string>;
  timeoutMs: number;
  /** Whose rollouts may call it, beside those of the mesh root namespace; `*`: all. */
  namespaces: readonly string[];
}

/** What the receiver is told of the rollout. */
export interface Told {
  author: Author;
  isRoot: boolean;
  /** Hash of the plan; empty where there is none yet. */
  plan: string;
  receivers: readonly Receiver[];
}

/** So much of an answer is read; its first line is shown. */
const MOST_TEXT = 4096;
const MOST_LINE = 200;
/** What says that the receiver was not asked, or could not look, rather than that something is not well. */
const NOT_ASKED = new Set([401, 403, 404, 405, 407, 408, 413, 415, 425, 429, 502, 503, 504]);

export function webhook(name: string, options: WebhookOptions, told: Told, sight: Pick<Sight, 'call'>): Probe {
  return { name, rounds: ['Soak'], observe: look => observe(name, look, () => find(look, options, told, sight)) };
}

async function find(look: Look, options: WebhookOptions, told: Told, sight: Pick<Sight, 'call'>): Promise<Finding> {
  const { author, isRoot, receivers } = told;
  const receiver = receivers.find(({ name }) => name === options.name);
  if (!receiver)
    return unseen(
      `the configuration of the operator has no webhook ${options.name}: add it to webhooks, or correct the name`,
    );
  const { namespaces } = receiver;
  if (!isRoot && !namespaces.includes('*') && !namespaces.includes(author.namespace))
    return unseen(
      `webhook ${options.name} is not for rollouts of namespace ${author.namespace}: the configuration of the operator lists in webhooks[].namespaces whose it is`,
    );
  const late = AbortSignal.timeout(receiver.timeoutMs);
  try {
    return judge(await ask(look, options, told, receiver, sight, AbortSignal.any([look.signal, late])), options.name);
  } catch (error) {
    look.signal.throwIfAborted();
    if (!late.aborted) throw error;
    return unseen(`webhook ${options.name} did not answer within ${receiver.timeoutMs / 1000} s: see its logs`);
  }
}

async function ask(
  look: Look,
  options: WebhookOptions,
  told: Told,
  receiver: Receiver,
  sight: Pick<Sight, 'call'>,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const { origin, pathname, search } = new URL(receiver.url);
  const token = await receiver.bearerToken?.().catch(() => {
    throw new Error(`the token for webhook ${options.name} cannot be read: check the mounted file`);
  });
  return sight.call(
    {
      method: 'POST',
      origin,
      path: pathname + search,
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(payloadOf(look, options, told)),
      ...(receiver.ca === undefined ? {} : { trust: { ca: receiver.ca } }),
      text: MOST_TEXT,
    },
    signal,
  );
}

/** The fields and phases of Flagger: before STRICT it is in progress, after it is being promoted. */
function payloadOf({ round }: Look, { metadata }: WebhookOptions, { author, plan }: Told): object {
  return {
    name: author.name,
    namespace: author.namespace,
    phase: round === 'Entry' ? 'Progressing' : 'Promoting',
    checksum: plan,
    metadata,
  };
}

function judge(answer: HttpAnswer, name: string): Finding {
  const what = `webhook ${name}`;
  if (answer.kind !== 'Answer') {
    const how = {
      Refused: 'refused the connection',
      Closed: 'cut the connection off',
      NotHttp: 'did not answer in HTTP',
    };
    const text = 'code' in answer ? `could not be reached (${answer.code})` : how[answer.kind];
    return unseen(`${what} ${text}: check the address in the configuration of the operator`);
  }
  const { status, text } = answer;
  if (status >= 200 && status <= 299)
    return { verdict: 'Healthy', value: String(status), samples: 1, message: `${what} answered with status ${status}` };
  if (status < 400)
    return unseen(`${what} redirects (status ${status}), which is not followed: configure the address it redirects to`);
  const line = clip(text.trim().split('\n')[0] ?? '', MOST_LINE);
  const says = `${what} answered with status ${status}${line === '' ? '' : `: ${line}`}`;
  return NOT_ASKED.has(status)
    ? unseen(says)
    : { verdict: 'Unhealthy', value: String(status), samples: 1, message: says };
}
