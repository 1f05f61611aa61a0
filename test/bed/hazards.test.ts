/**
 * What would break, found by the operator in the real objects of a real API server: it holds the rollout with the
 * object and the way out, and lets it go on when the author takes that on or makes an exception. What the operator may
 * not list it says, and goes on.
 */
import assert from 'node:assert/strict';
import type { Hazard } from '../../src/api/status.ts';
import { type Bed, bedFor } from './bed.ts';
import { namespaceObject } from './boutique.ts';
import { addressOf, apply, type NewObject } from './boutiqueObjects.ts';
import type { OperatorProcess } from './operatorProcess.ts';
import { withoutRole } from './rights.ts';
import {
  create,
  patch,
  policiesIn,
  quick,
  remove,
  rolloutPath,
  untilHeld,
  untilPhase,
  untilStatus,
} from './rollouts.ts';
import { type Sidecars, startSidecars } from './sidecars.ts';
import { createWorkload, type PodPlace, type WorkloadSpec } from './workloads.ts';

/** A group that nothing else has, so that neither webhook nor API disturbs the server. */
const GROUP = 'trial.bed.example.com';

/** Each in a namespace of its own, on a port that stands beside an ordinary one. */
const TROUBLES: Record<string, { code: string; object: string; says: RegExp; made: NewObject[] }> = {
  hooks: {
    code: 'WebhookPort',
    object: 'ValidatingWebhookConfiguration guard',
    says: /the API server calls webhook guard\.trial\.bed\.example\.com through Service hooks\/server on container port 9443 of Deployment hooks\/server without mutual TLS; .*; keep container port 9443 PERMISSIVE with an entry in spec\.exceptions/,
    made: [
      {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingWebhookConfiguration',
        metadata: { name: 'guard' },
        webhooks: [
          {
            name: `guard.${GROUP}`,
            clientConfig: { service: { namespace: 'hooks', name: 'server', port: 443 }, caBundle: '' },
            rules: [{ apiGroups: [GROUP], apiVersions: ['v1'], operations: ['CREATE'], resources: ['things'] }],
            admissionReviewVersions: ['v1'],
            sideEffects: 'None',
          },
        ],
      },
    ],
  },
  apis: {
    code: 'ApiServicePort',
    object: `APIService v1.${GROUP}`,
    says: /the API server calls the API v1\.trial\.bed\.example\.com through Service apis\/server on container port 9443/,
    made: [
      {
        apiVersion: 'apiregistration.k8s.io/v1',
        kind: 'APIService',
        metadata: { name: `v1.${GROUP}` },
        spec: {
          group: GROUP,
          version: 'v1',
          groupPriorityMinimum: 10,
          versionPriority: 10,
          insecureSkipTLSVerify: true,
          service: { namespace: 'apis', name: 'server', port: 443 },
        },
      },
    ],
  },
  conversions: {
    code: 'WebhookPort',
    object: `CustomResourceDefinition things.crd.${GROUP}`,
    says: /the API server calls the conversion of things\.crd\.trial\.bed\.example\.com through Service conversions\/server/,
    made: [conversion('conversions')],
  },
  doors: {
    code: 'IngressOutsideMesh',
    object: 'Ingress doors/door',
    says: /Ingress doors\/door leads to container port 9443 of Deployment doors\/server, and its controller \(k8s\.io\/ingress-nginx\) was not found among the pods/,
    made: [
      {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'IngressClass',
        metadata: { name: 'outside' },
        spec: { controller: 'k8s.io/ingress-nginx' },
      },
      {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'Ingress',
        metadata: { namespace: 'doors', name: 'door' },
        spec: {
          ingressClassName: 'outside',
          defaultBackend: { service: { name: 'server', port: { number: 443 } } },
        },
      },
    ],
  },
  hidden: {
    code: 'HiddenService',
    object: 'Sidecar callers/narrow',
    says: /its egress hosts leave out hidden\/server, a name that stands in Deployment callers\/caller; .*; add hidden\/server\.hidden\.svc\.cluster\.local to its egress hosts/,
    made: [
      {
        apiVersion: 'networking.istio.io/v1',
        kind: 'Sidecar',
        metadata: { namespace: 'callers', name: 'narrow' },
        spec: { egress: [{ hosts: ['./*'] }] },
      },
    ],
  },
};
const OUTSIDE = Object.keys(TROUBLES);
/** Those whose way out is an exception; of the others the author takes the hazard on. */
const EXCEPTED = ['apis', 'conversions'];
const PORTS = [
  { name: 'https', port: 9443, servicePort: 443 },
  { name: 'http', port: 8080, servicePort: 80 },
];

describe('hazards on a real API server', () => {
  let bed: Bed | undefined;
  let sidecars: Sidecars;
  let operator: OperatorProcess;

  before(async function () {
    bed = await bedFor(this);
    const { api, plane, prometheus } = bed;
    const pods: PodPlace[] = [];
    for (const namespace of OUTSIDE) {
      pods.push(...(await install({ namespace, name: 'server', ports: PORTS })));
      prometheus.traffic({ from: 'frontend/frontend', to: `${namespace}/server`, secured: true, perSecond: 20 });
    }
    const environment = { SERVER: 'server.hidden:443' };
    await install({ namespace: 'callers', name: 'caller', ports: [], service: false, environment });
    sidecars = await startSidecars(api, plane.folder, pods);
    for (const object of Object.values(TROUBLES).flatMap(({ made }) => made)) await apply(api, object);
    operator = await bed.startOperator();
    for (const namespace of OUTSIDE) await create(api, namespace, quick([namespace]));
  });
  after(async () => {
    // an API that nobody serves would hold up the end of every namespace
    if (bed) await remove(bed.api, `/apis/apiregistration.k8s.io/v1/apiservices/v1.${GROUP}`);
    await operator?.stop();
    await sidecars?.stop();
    await bed?.stop();
  });

  for (const [namespace, { code, object, says }] of Object.entries(TROUBLES))
    it(`${object}: held by ${code}, with the way out, and nothing is written`, async () => {
      const { status } = await untilHeld(bed!.api, rolloutPath(namespace), code);
      assert.equal(status!.summary?.waitingOn, code);
      assert.match(status!.message!, says);
      const hazard = status!.hazards!.find(each => each.code === code);
      assert.deepEqual([hazard?.object, hazard?.scope, hazard?.severity], [object, namespace, 'Block']);
      assert.deepEqual(await policiesIn(bed!.api, namespace), []);
    });

  for (const namespace of OUTSIDE.filter(each => !EXCEPTED.includes(each)))
    it(`in ${namespace} are no hindrance any more when the author accepts them`, async () => {
      const { api } = bed!;
      const { code } = TROUBLES[namespace]!;
      const path = rolloutPath(namespace);
      await patch(api, path, { spec: { preflight: { accept: [code] } } });
      await untilStatus(
        api,
        path,
        ({ hazards = [] }) => hazards.some(each => each.code === code && each.accepted === true),
        `${code} to be accepted`,
      );
      await untilPhase(api, path, 'Completed');
    });

  for (const namespace of EXCEPTED)
    it(`in ${namespace} are gone when an exception covers the port`, async () => {
      const { api } = bed!;
      const path = rolloutPath(namespace);
      const selector = { matchLabels: { app: 'server' } };
      const exception = { name: 'callback', namespace, selector, ports: [9443], reason: 'no identity' };
      await patch(api, path, { spec: { exceptions: [{ ...exception, until: '2099-12-31' }] } });
      const { status } = await untilPhase(api, path, 'Completed');
      assert.equal(status!.message, `1 scope STRICT, except ${namespace}: callback (port 9443)`);
      assert.deepEqual(blocking(status!.hazards), []);
    });

  it('that only warn are told by mode Plan: a NetworkPolicy and an AuthorizationPolicy over ambient pods', async () => {
    const { api } = bed!;
    const namespace = 'ambient';
    await install({ namespace, name: 'server', ports: PORTS, meshed: false, ambient: true });
    const place = { namespace, name: 'narrow' };
    await apply(api, {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: place,
      spec: { podSelector: {}, ingress: [{ ports: [{ port: 8080 }] }] },
    });
    await apply(api, {
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: place,
      spec: { rules: [{ from: [{ source: { namespaces: ['frontend'] } }] }] },
    });
    await create(api, namespace, quick([namespace], { mode: 'Plan' }));
    const { status } = await untilStatus(
      api,
      rolloutPath(namespace),
      ({ phase, hazards }) => phase === 'Planned' && hazards !== undefined,
      'the plan',
    );
    const told = status!.hazards!.map(({ code, severity, object }) => `${severity} ${code} ${object}`);
    for (const wanted of [
      'Warn NetworkPolicyWithoutHbone NetworkPolicy ambient/narrow',
      'Info CallerPolicy AuthorizationPolicy ambient/narrow',
    ])
      assert.ok(told.includes(wanted), told.join('\n'));
    assert.match(status!.hazards!.find(({ code }) => code === 'NetworkPolicyWithoutHbone')!.fix!, /TCP port 15008/);
    assert.deepEqual(await policiesIn(api, namespace), []);
  });

  it('cannot be told without the role for them, which is said kind by kind, and the rollout goes on', async () => {
    const { api, plane } = bed!;
    await withoutRole(plane, 'mtls-rollout-hazards', ['networking.k8s.io', 'ingresses', 'list']);
    const path = rolloutPath('blind');
    await create(api, 'blind', quick(['product-catalog'], { mode: 'Plan' }));
    const { status } = await untilStatus(
      api,
      path,
      ({ phase, hazards }) => phase === 'Planned' && hazards !== undefined,
      'the plan',
    );
    const unknown = new Map(status!.hazards!.filter(({ code }) => code === 'Unknown').map(each => [each.object, each]));
    const rights: Record<string, string> = {
      ValidatingWebhookConfiguration: 'validatingwebhookconfigurations.admissionregistration.k8s.io',
      CustomResourceDefinition: 'customresourcedefinitions.apiextensions.k8s.io',
      APIService: 'apiservices.apiregistration.k8s.io',
      Ingress: 'ingresses.networking.k8s.io in namespace product-catalog',
      IngressClass: 'ingressclasses.networking.k8s.io',
      NetworkPolicy: 'networkpolicies.networking.k8s.io in namespace product-catalog',
      AuthorizationPolicy: 'authorizationpolicies.security.istio.io in namespace product-catalog',
      Sidecar: 'sidecars.networking.istio.io in all namespaces',
      Job: 'jobs.batch in namespace product-catalog',
      CronJob: 'cronjobs.batch in all namespaces',
    };
    for (const [kind, right] of Object.entries(rights)) {
      assert.equal(unknown.get(kind)?.severity, 'Warn', kind);
      assert.equal(unknown.get(kind)?.fix, `allow to list ${right}`);
      assert.match(
        unknown.get(kind)!.message,
        /^whether there is .* cannot be told: .*mtls-rollout-system\/mtls-rollout lacks/,
      );
    }
    assert.deepEqual(blocking(status!.hazards), []);
    await patch(api, path, { spec: { mode: 'Enforce' } });
    await untilPhase(api, path, 'Completed');
  });

  async function install(spec: WorkloadSpec): Promise<PodPlace[]> {
    const { namespace, ambient = false } = spec;
    const label = ambient ? { 'istio.io/dataplane-mode': 'ambient' } : { 'istio-injection': 'enabled' };
    await apply(bed!.api, namespaceObject(namespace, label));
    return createWorkload(bed!.api, spec, pod => addressOf(namespace, pod));
  }
});

function blocking(hazards: readonly Hazard[] = []): string[] {
  return hazards.filter(({ severity }) => severity === 'Block').map(({ code, object }) => `${code} ${object}`);
}

/** A resource whose versions a webhook converts; its schema says nothing. */
function conversion(namespace: string): NewObject {
  const name = `things.crd.${GROUP}`;
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name },
    spec: {
      group: `crd.${GROUP}`,
      scope: 'Namespaced',
      names: { plural: 'things', singular: 'thing', kind: 'Thing' },
      versions: [{ name: 'v1', served: true, storage: true, schema }],
      conversion: {
        strategy: 'Webhook',
        webhook: {
          conversionReviewVersions: ['v1'],
          clientConfig: { service: { namespace, name: 'server', port: 443 } },
        },
      },
    },
  };
}
