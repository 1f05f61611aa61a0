/** What an inventory shows holds a step until it is gone or accepted, and is looked for once before the step. */
import assert from 'node:assert/strict';
import type { SpecInput } from '../../src/api/schema.ts';
import type { Hazard } from '../../src/api/status.ts';
import { DEFAULT_MESH, type Inventory, InventoryBuilder } from '../../src/istio/inventory/inventory.ts';
import { findingsIn } from '../../src/rollout/findings.ts';
import { Situation } from '../../src/rollout/situation.ts';
import { ROOT, TestMesh } from './mesh.ts';

const LABELS = { app: 'hook', 'security.istio.io/tlsMode': 'istio' };
const POD = {
  metadata: { name: 'hook-1', namespace: 'cart', labels: LABELS },
  spec: { containers: [{ name: 'istio-proxy' }, { name: 'hook', ports: [{ containerPort: 9443 }] }] },
};
const SERVICE = {
  metadata: { name: 'hook', namespace: 'cart' },
  spec: { selector: { app: 'hook' }, ports: [{ port: 443, targetPort: 9443 }] },
};
const WEBHOOK = {
  metadata: { name: 'hook' },
  webhooks: [{ name: 'hook.example.com', clientConfig: { service: { name: 'hook', namespace: 'cart' } } }],
};
const EXCEPTION = {
  name: 'webhook',
  namespace: 'cart',
  selector: { matchLabels: { app: 'hook' } },
  ports: [9443],
  reason: 'x',
  until: '2027-03-31',
};

function inventory(mesh: TestMesh): Inventory {
  const builder = new InventoryBuilder();
  builder.add('Pod', POD);
  builder.add('Service', SERVICE);
  builder.add('ValidatingWebhookConfiguration', WEBHOOK);
  const { namespaces, policies } = mesh.world;
  return builder.build({ rootNamespace: ROOT, mesh: DEFAULT_MESH, namespaces, policies, rules: [] });
}

/** Looks as the operator does: for the scopes of the step, or of the whole plan. */
function look(mesh: TestMesh): Hazard[] {
  const situation = new Situation(mesh.input());
  const { findings } = findingsIn(situation, [...situation.states()], inventory(mesh), 'istio');
  return [...findings.values()].flat();
}

const codes = (spec: Partial<SpecInput>) =>
  look(new TestMesh({ target: { namespaces: { names: ['cart'] } }, ...spec }, ['cart']))
    .filter(({ severity }) => severity === 'Block')
    .map(({ code }) => code);

describe('findings', () => {
  it('are about what the step will turn STRICT, exceptions left out', () => {
    assert.deepEqual(codes({}), ['WebhookPort']);
    assert.deepEqual(codes({ exceptions: [EXCEPTION] }), []);
    assert.deepEqual(codes({ exceptions: [{ ...EXCEPTION, ports: undefined }] }), []);
    assert.deepEqual(codes({ exceptions: [{ ...EXCEPTION, ports: [8080] }] }), ['WebhookPort']);
  });

  it('name the container port where somebody gave the port of a Service', () => {
    assert.deepEqual(codes({ exceptions: [{ ...EXCEPTION, ports: [443] }] }), ['ServicePortMeant', 'WebhookPort']);
    const mesh = new TestMesh(
      { target: { workloads: [{ name: 'hook', selector: EXCEPTION.selector, ports: [443] }] } },
      [],
      'cart',
    );
    const [found] = look(mesh).filter(({ code }) => code === 'ServicePortMeant');
    assert.match(
      found?.message ?? '',
      /^workload hook names port 443, which no container of Pod cart\/hook-1 has; .* container port 9443$/,
    );
  });

  it('are waited for before a step, and hold it', () => {
    const mesh = new TestMesh({ target: { namespaces: { names: ['cart'] } } }, ['cart']);
    mesh.findings = new Map();
    mesh.step();
    assert.deepEqual([mesh.status.phase, mesh.status.summary?.waitingOn], ['Pending', 'hazards']);
    const [webhook] = look(mesh);
    mesh.findings = new Map([['cart', [webhook!]]]);
    mesh.step();
    assert.deepEqual([mesh.status.phase, mesh.status.summary?.waitingOn], ['Pending', 'WebhookPort']);
    assert.deepEqual(mesh.writes, []);
    mesh.edit({ preflight: { accept: ['WebhookPort'] } });
    mesh.untilPhase('Completed');
    assert.equal(mesh.mode('cart'), 'STRICT');
  });

  it('of the mesh hold every step', () => {
    const mesh = new TestMesh({ target: { namespaces: { names: ['cart'] } } }, ['cart']);
    const hazard: Hazard = { code: 'AutoMtlsOff', severity: 'Block', object: 'mesh', message: 'off', fix: 'on' };
    mesh.findings = new Map([
      ['', [hazard]],
      ['cart', []],
    ]);
    mesh.step();
    assert.equal(mesh.status.summary?.waitingOn, 'AutoMtlsOff');
  });
});
