/** A real Prometheus that scrapes the sidecars. It is told of its targets by a file, since it watches no API server. */
import { renameSync, writeFileSync } from 'node:fs';
import { Component } from '../component.ts';
import type { RunFolder } from '../runFolder.ts';
import { ISTIOD_METRICS } from './istiod.ts';
import { HOST } from './world.ts';

const PORT = 9090;
/** Between two scrapes, in seconds. */
export const SCRAPE_SECONDS = 2;

export interface Target {
  /** `ip:port` */
  address: string;
  path: string;
  namespace: string;
  pod: string;
}

export class Prometheus {
  readonly url = `http://${HOST}:${PORT}`;
  readonly component: Component;
  readonly #folder: RunFolder;

  constructor(folder: RunFolder) {
    this.#folder = folder;
    const config = folder.file('prometheus.json');
    const scrape = { scrape_interval: `${SCRAPE_SECONDS}s`, scrape_timeout: `${SCRAPE_SECONDS}s` };
    const sidecars = { file_sd_configs: [{ files: [this.#targets] }], relabel_configs: [] };
    const configs = [
      { job_name: 'sidecars', ...sidecars },
      { job_name: 'istiod', static_configs: [{ targets: [ISTIOD_METRICS] }] },
    ];
    // JSON is YAML too
    writeFileSync(config, JSON.stringify({ global: scrape, scrape_configs: configs }));
    this.tell([]);
    this.component = new Component(folder, {
      name: 'prometheus',
      command: 'prometheus',
      args: [
        `--config.file=${config}`,
        `--storage.tsdb.path=${folder.file('prometheus')}`,
        `--web.listen-address=${HOST}:${PORT}`,
        '--log.level=warn',
      ],
      env: { PATH: process.env['PATH'], HOME: folder.path },
      graceMs: 5000,
      ready: async () => (await fetch(`${this.url}/-/ready`)).ok,
    });
  }

  async start(): Promise<void> {
    this.component.launch();
    await this.component.ready();
  }

  /** From now on these are scraped, and no others. */
  tell(targets: readonly Target[]): void {
    const groups = targets.map(({ address, path, namespace, pod }) => ({
      targets: [address],
      labels: { __metrics_path__: path, namespace, pod },
    }));
    // renamed into place: a file that is read half would be an empty mesh
    const unfinished = `${this.#targets}.new`;
    writeFileSync(unfinished, JSON.stringify(groups));
    renameSync(unfinished, this.#targets);
  }

  /** Sum of an instant query's vector; undefined where it is empty. */
  async value(query: string): Promise<number | undefined> {
    const response = await fetch(`${this.url}/api/v1/query?${new URLSearchParams({ query }).toString()}`);
    const { data } = (await response.json()) as { data: { result: { value: [number, string] }[] } };
    if (data.result.length === 0) return undefined;
    return data.result.reduce((sum, { value }) => sum + Number(value[1]), 0);
  }

  get #targets(): string {
    return this.#folder.file('prometheus.targets.json');
  }
}
