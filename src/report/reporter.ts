/** Tells the world what was decided: everybody who listens gets the same record, so that no two of them disagree. */
import { GROUP, KIND, type MtlsRollout, VERSION } from '../api/resource.ts';
import type { TransitionRecord } from '../rollout/world.ts';

/** One thing that was decided about one rollout. */
export interface Report extends TransitionRecord {
  rollout: { namespace: string; name: string; uid: string };
}

/** Somebody who is told. Must neither wait nor throw: a decision is not held up by who hears of it. */
export type Listener = (report: Report) => void;

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
  readonly #listeners: readonly Listener[];

  constructor(...listeners: (Listener | undefined)[]) {
    this.#listeners = listeners.filter(listener => listener !== undefined);
  }

  report({ metadata }: Pick<MtlsRollout, 'metadata'>, record: TransitionRecord): void {
    const { namespace, name, uid } = metadata;
    const report = { ...record, rollout: { namespace, name, uid } };
    for (const listener of this.#listeners) listener(report);
  }
}

export function toLog(log: Lines): Listener {
  return ({ rollout, reason, message, severity, wave, step, scopes }) => {
    const fields = { rollout: `${rollout.namespace}/${rollout.name}`, reason, wave, step, scopes };
    if (severity === 'Warning') log.warn(message, fields);
    else log.info(message, fields);
  };
}

export function toEvents(events: Events): Listener {
  return ({ rollout, reason, message, severity }) =>
    events.record({
      regarding: { apiVersion: `${GROUP}/${VERSION}`, kind: KIND, ...rollout },
      type: severity,
      reason,
      action: reason,
      note: message,
    });
}
