/**
 * Whether the API server can still call what it calls in the scope. It has no identity in the mesh, so a port that shows
 * the mesh's certificate to a stranger refuses the API server too: that is proof without a call. How aggregated APIs
 * are, the API server says by itself.
 */
import type { Pod } from '../istio/objects.ts';
import { whatIsCalled } from '../istio/hazards/apiServer.ts';
import { path as placeOf } from '../istio/hazards/wording.ts';
import type { AggregatedApi } from '../istio/inventory/aggregatedApi.ts';
import type { Callback, SeenService } from '../istio/inventory/shapes.ts';
import { selects } from '../istio/policies.ts';
import { eachOf } from './eachOf.ts';
import { countOf, firstFew, observe, worst, type Finding, noData } from './observation.ts';
import type { Called, ClusterSight, HelloAnswer, Look, Probe, Sight } from './probe.ts';
import { podsOfScopes } from './scopePods.ts';

const AT_ONCE = 16;
/** Pods of a Service that are asked. */
const MOST_PODS = 20;

type Eyes = Pick<Sight, 'hello'>;
type Cluster = Pick<ClusterSight, 'service' | 'called'>;

export function kubernetesApi(name: string, sight: Eyes, cluster: Cluster): Probe {
  return { name, rounds: ['Soak'], observe: look => observe(name, look, () => find(look, sight, cluster)) };
}

/** A port of a pod that the API server calls. */
interface Door {
  /** `webhook guard.example.com`; several calls may come through one door. */
  calls: string[];
  service: string;
  pod: Pod;
  port: number;
  answer?: HelloAnswer;
}

interface Judgement {
  verdict: Finding['verdict'];
  text: string;
}

async function find(look: Look, sight: Eyes, cluster: Cluster): Promise<Finding> {
  if (look.changedAt === undefined) return noData('no port is asked before STRICT was written');
  const called = await cluster.called(look.signal);
  const pods = await podsInScope(look);
  const backends = await backendsOf(called, pods, look, cluster);
  const doors = doorsOf(called.callbacks, backends);
  await eachOf(doors, AT_ONCE, async door => {
    door.answer = await sight.hello(door.pod.ip!, door.port, [], look.signal);
  });
  const apis = called.apis.filter(({ service }) => backends.has(placeOf(service)));
  const judged = [...doors.map(judgeDoor), ...apis.map(api => judgeApi(api, look.changedAt!)), ...unseen(called)];
  return summed(judged, doors);
}

/** By namespace; scopes may overlap, and a pod counts once. */
async function podsInScope(look: Look): Promise<Map<string, Pod[]>> {
  const all = (await podsOfScopes(look)).flatMap(({ pods }) => pods);
  return Map.groupBy(new Map(all.map(pod => [pod.uid, pod])).values(), ({ namespace }) => namespace);
}

interface Backend {
  service: SeenService;
  pods: Pod[];
}

/** The Services that the API server calls and that have pods in scope. */
async function backendsOf(
  { callbacks, apis }: Called,
  pods: ReadonlyMap<string, Pod[]>,
  { signal }: Look,
  cluster: Cluster,
): Promise<Map<string, Backend>> {
  const places = new Map([...callbacks, ...apis].map(({ service }) => [placeOf(service), service]));
  const found = new Map<string, Backend>();
  await eachOf([...places], AT_ONCE, async ([place, { namespace, name }]) => {
    const near = pods.get(namespace) ?? [];
    if (near.length === 0) return;
    const service = await cluster.service(namespace, name, signal);
    if (!service || Object.keys(service.selector).length === 0) return;
    const behind = near.filter(({ labels }) => selects(service.selector, labels));
    if (behind.length > 0) found.set(place, { service, pods: behind });
  });
  return found;
}

function doorsOf(callbacks: readonly Callback[], backends: ReadonlyMap<string, Backend>): Door[] {
  const doors = new Map<string, Door>();
  for (const callback of callbacks) {
    const place = placeOf(callback.service);
    const backend = backends.get(place);
    const target = backend?.service.ports.find(({ port }) => port === callback.service.port)?.targetPort;
    if (!backend || target === undefined) continue;
    for (const pod of sample(backend.pods)) {
      const port = typeof target === 'number' ? target : pod.namedPorts[target];
      if (port === undefined || pod.ip === undefined) continue;
      const key = `${pod.uid} ${port}`;
      const door = doors.get(key) ?? { calls: [], service: place, pod, port };
      door.calls.push(whatIsCalled(callback));
      doors.set(key, door);
    }
  }
  return [...doors.values()];
}

/** Those that the API server is sent to: the ready ones, unless none is. */
function sample(pods: readonly Pod[]): Pod[] {
  const ready = pods.filter(pod => pod.ready);
  return (ready.length > 0 ? ready : [...pods]).toSorted((a, b) => (a.name < b.name ? -1 : 1)).slice(0, MOST_PODS);
}

function judgeDoor({ calls, service, pod, port, answer }: Door): Judgement {
  const where = `port ${port} of ${pod.namespace}/${pod.name} (Service ${service})`;
  const call = firstFew([...new Set(calls)]);
  if (answer?.kind === 'Certificate' && answer.spiffe !== undefined)
    return {
      verdict: 'Unhealthy',
      text: `${where} answers a stranger with a certificate of the mesh, so the API server, which is outside the mesh, cannot call ${call}: keep the port PERMISSIVE with an entry in spec.exceptions`,
    };
  if (answer?.kind === 'Certificate') return { verdict: 'Healthy', text: '' };
  const how =
    answer?.kind === 'Plaintext'
      ? 'answers, but does not speak TLS, which the API server asks for'
      : answer?.kind === 'Reset'
        ? `resets every hello${pod.mesh === 'Ambient' ? ', as ztunnel does where it refuses' : ': does anything listen there?'}`
        : 'did not answer: can the operator reach it (NetworkPolicy)?';
  return { verdict: 'NoData', text: `whether the API server can call ${call} cannot be told: ${where} ${how}` };
}

/** An API that was gone before the change is not this step's doing. */
function judgeApi({ name, available, since, message }: AggregatedApi, changedAt: number): Judgement {
  if (available === true) return { verdict: 'Healthy', text: '' };
  if (available === undefined)
    return { verdict: 'NoData', text: `the API server does not say yet whether the API ${name} is available` };
  // times of conditions come in whole seconds: the second of the change belongs to the time after it
  const isOld = since < Math.floor(changedAt / 1000) * 1000;
  return isOld
    ? { verdict: 'Healthy', text: `the API ${name} was unavailable before the change already` }
    : { verdict: 'Unhealthy', text: `the API ${name} is not available any more: ${message}` };
}

function unseen({ missing }: Called): Judgement[] {
  const text = `what the API server calls cannot be seen in full: allow the operator to ${missing.join(', and to ')}`;
  return missing.length > 0 ? [{ verdict: 'Error', text }] : [];
}

function summed(judged: readonly Judgement[], doors: readonly Door[]): Finding {
  const verdict = judged.length > 0 ? worst(judged.map(each => each.verdict)) : 'Healthy';
  const texts = judged.filter(each => each.verdict === verdict && each.text !== '').map(({ text }) => text);
  const open = doors.filter(({ answer }) => answer?.kind === 'Certificate' && answer.spiffe === undefined).length;
  const fine =
    judged.length === 0
      ? 'the API server calls nothing in scope'
      : `the API server can call what it calls in scope: ${countOf(open, 'port')} answered with a certificate of its own`;
  return {
    verdict,
    value: judged.length === 0 ? 'no calls' : `${open}/${doors.length} ports`,
    samples: judged.length,
    message: firstFew(verdict === 'Healthy' ? [fine, ...texts] : texts),
  };
}
