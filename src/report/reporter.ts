/** Tells the world what was decided: one transition becomes one event and one log line, so that they never disagree. */
import { GROUP, KIND, type MtlsRollout, VERSION } from '../api/resource.ts';
import type { Transition } from '../rollout/world.ts';

/** Where log lines go; winston's logger fits. */
interface Lines {
  info(message: string, fields: Record<string, unknown>): unknown;
  warn(message: string, fields: Record<string, unknown>): unknown;
}

/** Where events go. */
interface Events {
  record(event: {
    regarding: { apiVersion: string; kind: string; namespace: string; name: string; uid: string };
    type: 'Normal' | 'Warning';
    reason: string;
    action: string;
    note: string;
  }): void;
}

export class Reporter {
  readonly #log: Lines;
  readonly #events: Events;

  constructor(log: Lines, events: Events) {
    this.#log = log;
    this.#events = events;
  }

  report({ metadata }: Pick<MtlsRollout, 'metadata'>, transition: Transition): void {
    const { reason, message, severity, wave, step, scopes } = transition;
    const { namespace, name, uid } = metadata;
    const fields = { rollout: `${namespace}/${name}`, reason, wave, step, scopes };
    if (severity === 'Warning') this.#log.warn(message, fields);
    else this.#log.info(message, fields);
    this.#events.record({
      regarding: { apiVersion: `${GROUP}/${VERSION}`, kind: KIND, namespace, name, uid },
      type: severity,
      reason,
      action: reason,
      note: message,
    });
  }
}
