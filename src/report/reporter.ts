/** Tells the world what was decided: one transition becomes one event and one log line, so that they never disagree. */
import { GROUP, KIND, type MtlsRollout, VERSION } from '../api/resource.ts';
import type { EventRecorder } from '../cluster/events.ts';
import type { Log } from '../cluster/log.ts';
import type { Transition } from '../rollout/world.ts';

export class Reporter {
  readonly #log: Log;
  readonly #events: EventRecorder;

  constructor(log: Log, events: EventRecorder) {
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
