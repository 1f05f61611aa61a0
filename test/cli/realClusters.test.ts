/** What real installations are known to trip over is found in their manifests: all of it, and nothing beside it that blocks. */
import assert from 'node:assert/strict';
import type { HazardReport } from '../../src/cli/hazardReport.ts';
import { offline } from './folder.ts';

/** Code, scope, object, and what the message must name. */
type Trouble = [code: string, scope: string, object: string, names: RegExp];

const scrapes = (scope: string, object: string, ...ports: [port: number, owner: string][]): Trouble[] =>
  ports.map(([port, owner]) => ['ScrapedPort', scope, object, new RegExp(`${port} of \\w+ ${owner}`)]);
const stack = (name: string) => `kube-prometheus-stack-${name}`;

const SETS: Record<string, { blocks: Trouble[]; warns: Trouble[]; sound: string[] }> = {
  'cert-manager': {
    blocks: [
      [
        'WebhookPort',
        'cert-manager',
        'MutatingWebhookConfiguration cert-manager-webhook',
        /10250 of Deployment .*cert-manager-webhook/,
      ],
      [
        'WebhookPort',
        'cert-manager',
        'ValidatingWebhookConfiguration cert-manager-webhook',
        /10250 of Deployment .*could not be created/,
      ],
    ],
    warns: [],
    sound: ['Deployment cert-manager/cert-manager-cainjector', 'Service cert-manager/cert-manager'],
  },
  'ingress-nginx': {
    blocks: [
      [
        'IngressOutsideMesh',
        'shop',
        'Ingress shop/storefront',
        /8080 of Deployment shop\/storefront.*ingress-nginx-controller/,
      ],
      [
        'IngressOutsideMesh',
        'shop',
        'Ingress shop/catalog-api',
        /5000 of Deployment shop\/catalog.*ingress-nginx-controller/,
      ],
    ],
    warns: [],
    sound: ['ValidatingWebhookConfiguration ingress-nginx-admission', 'Service ingress-nginx/ingress-nginx-controller'],
  },
  'metrics-server': {
    blocks: [
      ['ApiServicePort', 'metrics', 'APIService v1beta1.metrics.k8s.io', /10250 of Deployment metrics\/metrics-server/],
    ],
    warns: [],
    sound: ['APIService v1.apps'],
  },
  prometheus: {
    blocks: [
      ['WebhookPort', 'monitoring', `MutatingWebhookConfiguration ${stack('admission')}`, /10250 .*passed over/],
      ['WebhookPort', 'monitoring', `ValidatingWebhookConfiguration ${stack('admission')}`, /10250 .*passed over/],
    ],
    warns: [
      [
        'HostNetworkPod',
        'monitoring',
        `DaemonSet monitoring/${stack('prometheus-node-exporter')}`,
        /network of its node/,
      ],
      ...scrapes('monitoring', `ServiceMonitor monitoring/${stack('operator')}`, [10250, 'monitoring/']),
      ...scrapes('monitoring', `ServiceMonitor monitoring/${stack('prometheus')}`, [9090, 'monitoring/prometheus-']),
      ...scrapes('monitoring', `ServiceMonitor monitoring/${stack('alertmanager')}`, [
        9093,
        'monitoring/alertmanager-',
      ]),
      ...scrapes('monitoring', `ServiceMonitor monitoring/${stack('kube-state-metrics')}`, [8080, 'monitoring/']),
      ...scrapes('monitoring', `ServiceMonitor monitoring/${stack('grafana')}`, [3000, 'monitoring/']),
      ...scrapes('orders', 'ServiceMonitor orders/orders-api', [9464, 'orders/']),
      ...scrapes('orders', 'ServiceMonitor orders/billing', [8080, 'orders/']),
      ...scrapes('orders', 'PodMonitor orders/orders-worker', [9102, 'orders/']),
    ],
    sound: ['PodMonitor monitoring/envoy-stats-monitor', 'Deployment orders/orders-web'],
  },
  boutique: {
    blocks: [
      ['ExposedDirectly', 'boutique', 'Service boutique/frontend-external', /8080 of Deployment boutique\/frontend/],
      ['UnmeshedJob', 'boutique', 'CronJob legacy/storefront-check', /8080 of Deployment boutique\/frontend/],
      ['UnmeshedClient', 'boutique', 'Deployment legacy/cart-export', /7070 of Deployment boutique\/cartservice/],
    ],
    warns: [
      ['InitContainerCalls', 'boutique', 'Deployment boutique/loadgenerator', /8080 of Deployment boutique\/frontend/],
    ],
    sound: ['Service boutique/frontend', 'Deployment boutique/checkoutservice'],
  },
};

async function reportOf(set: string): Promise<HazardReport> {
  const { code, out } = await offline(['hazards', '-o', 'json'], [`test/manifests/${set}`]);
  assert.equal(code, 2, 'a pull request with blocking hazards fails its check');
  const [report] = (JSON.parse(out) as { items: HazardReport[] }).items;
  assert.ok(report);
  return report;
}

describe('manifests of real installations', () => {
  for (const [set, { blocks, warns, sound }] of Object.entries(SETS))
    describe(set, () => {
      let report: HazardReport;
      before(async () => {
        report = await reportOf(set);
      });

      for (const [code, scope, object, names] of [...blocks, ...warns])
        it(`has ${code} at ${object}`, () => {
          const found = report.hazards.find(hazard => hazard.code === code && hazard.object === object);
          assert.ok(found, `${code} ${object} is not among ${report.hazards.map(hazard => hazard.object).join(', ')}`);
          assert.equal(found.scope, scope);
          assert.match(found.message, names);
          assert.ok(found.fix);
        });

      it('is held by that, and by nothing else', () => {
        const found = report.hazards.filter(({ severity }) => severity === 'Block');
        const shown = found.map(({ code, object }) => `${code} ${object}`).toSorted();
        assert.deepEqual(shown, blocks.map(([code, , object]) => `${code} ${object}`).toSorted());
      });

      it('is left alone where it is sound', () => {
        const warned = report.hazards.filter(({ severity }) => severity !== 'Info').map(({ object }) => object);
        assert.deepEqual(
          sound.filter(object => warned.includes(object)),
          [],
        );
      });

      it('proposes exceptions that take the API server out of the way', () => {
        const called = report.hazards.filter(({ code }) => code === 'WebhookPort' || code === 'ApiServicePort');
        for (const { exception, object } of called) assert.deepEqual(exception?.ports, [10250], object);
      });
    });
});
