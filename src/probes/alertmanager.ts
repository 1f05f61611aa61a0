/** Asks Alertmanager, or whatever speaks its API v2, for the alerts that fire: neither silenced nor inhibited. */
import { isRecord } from '../api/record.ts';
import type { Alert } from '../rollout/gates/alerts.ts';
import { isLabels } from './prometheus.ts';
import { parseJson, Remote, type RemoteOptions } from './remote.ts';

export interface AlertmanagerOptions extends RemoteOptions {
  /** In Alertmanager's own form, such as `severity="critical"`; an alert must fit all of them. */
  matchers: readonly string[];
}

export class Alertmanager {
  readonly #remote: Remote;
  readonly #query: URLSearchParams;

  /** Throws RangeError when the address is none. */
  constructor({ matchers, ...options }: AlertmanagerOptions) {
    const about = {
      name: 'Alertmanager',
      path: '/api/v2/alerts',
      late: 'it is overloaded, or not to be reached from here',
      smaller: 'narrow the matchers',
    };
    this.#remote = new Remote(about, options);
    const states = { active: 'true', silenced: 'false', inhibited: 'false' };
    this.#query = new URLSearchParams([
      ...Object.entries(states),
      ...matchers.map((matcher): [string, string] => ['filter', matcher]),
    ]);
  }

  /** Rejects with a RemoteError. */
  async firing(signal: AbortSignal): Promise<Alert[]> {
    const answer = parseJson(await this.#remote.ask({ method: 'GET', query: this.#query }, signal));
    if (!Array.isArray(answer)) throw this.#remote.badAnswer('no list of alerts');
    return answer.map((element: unknown) => {
      const labels: unknown = isRecord(element) ? element['labels'] : undefined;
      const since = isRecord(element) ? Date.parse(String(element['startsAt'])) : Number.NaN;
      if (!isLabels(labels) || Number.isNaN(since)) throw this.#remote.badAnswer('damaged');
      return { name: labels['alertname'] ?? '', since, labels };
    });
  }

  async close(): Promise<void> {
    await this.#remote.close();
  }
}
