/**
 * Events for people who look with kubectl. They tell, they do not decide: recording never waits and never fails;
 * what cannot be sent is dropped and counted.
 */
import { createHash } from 'node:crypto';
import type { KubeClient } from './client.ts';
import type { Clock } from './clock.ts';
import { KubeError } from './errors.ts';
import type { Log } from './log.ts';
import { microTime } from './microTime.ts';
import type { Resource } from './resource.ts';

const EVENTS: Resource = {
  group: 'events.k8s.io',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  namespaced: true,
};
const REPORTING_CONTROLLER = 'mtlsrollout.io/operator';

/** What the event is about. The uid ties it to this very object, not to a later one of the same name. */
interface Regarding {
  apiVersion: string;
  kind: string;
  namespace: string;
  name: string;
  uid: string;
}

export interface EventRecord {
  regarding: Regarding;
  type: 'Normal' | 'Warning';
  /** Why, in one CamelCase word: `StepDone`. */
  reason: string;
  /** What was done, in one CamelCase word: `Enforcing`. */
  action: string;
  /** One sentence; cut at 1024 bytes. */
  note: string;
}

export interface EventRecorderOptions {
  client: KubeClient;
  clock: Clock;
  log: Log;
  /** Of this process: the name of its pod. */
  instance: string;
}

interface Known {
  /** Name of the Event object, once it has been created. */
  name: string | undefined;
  count: number;
  firstAt: number;
  lastAt: number;
  /** Monotonic time at which it was last given to be sent. */
  writtenAt: number;
}

/** Distinct events that wait to be sent, and that are remembered to count repeats. */
const MOST_PENDING = 256;
const MOST_KNOWN = 1024;
/** A repeat within this time only counts; the next one after it is written with the count. */
const QUIET_MS = 60_000;
const MAX_NOTE_BYTES = 1024;

export class EventRecorder {
  readonly #options: EventRecorderOptions;
  /** In the order of last use: the first is forgotten first. */
  readonly #known = new Map<string, Known>();
  readonly #pending = new Map<string, { event: EventRecord; known: Known }>();
  #sending: Promise<void> | undefined;
  #dropped = 0;
  #warnedAt = Number.NEGATIVE_INFINITY;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
  }

  /** Events that were lost because the API server did not take them or too many were waiting. */
  get dropped(): number {
    return this.#dropped;
  }

  record(event: EventRecord): void {
    const { clock } = this.#options;
    const key = keyOf(event);
    const known = this.#remember(key);
    known.count++;
    known.lastAt = clock.now();
    if (clock.monotonic() - known.writtenAt < QUIET_MS || this.#pending.has(key)) return;
    if (this.#pending.size >= MOST_PENDING) return this.#drop(`${MOST_PENDING} events are waiting already`);
    known.writtenAt = clock.monotonic();
    this.#pending.set(key, { event, known });
    this.#sending ??= this.#send();
  }

  /** Resolves when nothing waits to be sent. */
  async flush(): Promise<void> {
    while (this.#sending !== undefined) await this.#sending;
  }

  #remember(key: string): Known {
    const now = this.#options.clock.now();
    const known = this.#known.get(key) ?? {
      name: undefined,
      count: 0,
      firstAt: now,
      lastAt: now,
      writtenAt: Number.NEGATIVE_INFINITY,
    };
    this.#known.delete(key);
    this.#known.set(key, known);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= MOST_KNOWN) break;
      this.#known.delete(oldest);
    }
    return known;
  }

  async #send(): Promise<void> {
    // the caller of `record` goes on first
    await Promise.resolve();
    for (const [key, { event, known }] of this.#pending) {
      this.#pending.delete(key);
      try {
        await this.#write(key, event, known);
      } catch (error) {
        known.writtenAt = Number.NEGATIVE_INFINITY;
        this.#drop(error instanceof Error ? error.message : String(error));
      }
    }
    this.#sending = undefined;
  }

  async #write(key: string, event: EventRecord, known: Known): Promise<void> {
    const { client } = this.#options;
    const { namespace } = event.regarding;
    const series = { count: known.count, lastObservedTime: microTime(known.lastAt) };
    if (known.name !== undefined) {
      try {
        await client.mergePatch({ resource: EVENTS, namespace, name: known.name }, { series });
        return;
      } catch (error) {
        // events live for an hour only: a new one is due
        if (!(error instanceof KubeError) || error.kind !== 'NotFound') throw error;
      }
    }
    const name = eventName(event.regarding.name, key, known.lastAt);
    await client.create(EVENTS, namespace, {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name, namespace },
      eventTime: microTime(known.firstAt),
      reportingController: REPORTING_CONTROLLER,
      reportingInstance: this.#options.instance.slice(0, 128),
      action: event.action.slice(0, 128),
      reason: event.reason.slice(0, 128),
      type: event.type,
      regarding: event.regarding,
      note: shorten(event.note),
      // the API server wants at least two in a series
      ...(known.count > 1 ? { series } : {}),
    });
    known.name = name;
  }

  #drop(why: string): void {
    this.#dropped++;
    const now = this.#options.clock.monotonic();
    if (now - this.#warnedAt < QUIET_MS) return;
    this.#warnedAt = now;
    this.#options.log.warn('events are lost', { error: why, dropped: this.#dropped });
  }
}

function keyOf({ regarding, type, reason, action, note }: EventRecord): string {
  return createHash('sha256')
    .update(JSON.stringify([regarding.uid, type, reason, action, note]))
    .digest('hex');
}

/** Unique for an event and the time of its writing, and a valid name. */
function eventName(object: string, key: string, at: number): string {
  return `${object.slice(0, 200).replace(/[-.]+$/, '')}.${at.toString(16)}${key.slice(0, 8)}`;
}

/** At most 1024 bytes of UTF-8, cut between characters. */
function shorten(note: string): string {
  const bytes = Buffer.from(note);
  if (bytes.length <= MAX_NOTE_BYTES) return note;
  const cut = bytes.subarray(0, MAX_NOTE_BYTES - 3).toString();
  // a character cut in half decodes to U+FFFD
  return `${cut.replace(/\uFFFD+$/, '')}…`;
}
