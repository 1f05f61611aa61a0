/** Which Services of a scope that leaves DISABLE need a pin, and what makes a pin impossible. */
import type { MtlsRollout } from '../api/resource.ts';
import type { Hazard } from '../api/status.ts';
import type { DestinationRule, Mode, Service } from '../istio/objects.ts';
import { effectiveModes } from '../istio/effectiveMode.ts';
import { selectorOf } from '../istio/policies.ts';
import { type ClientView, clientView, rulesAbout } from './clientView.ts';
import { compatible, type Labels } from './labels.ts';
import { isAbout } from './made.ts';
import { newPin, pinName, pinOf } from './pins.ts';
import { isDrifted, type ScopeState } from './scopeState.ts';
import { nameOf } from './text.ts';
import type { World } from './world.ts';

export interface Pinning {
  /** Services whose clients have to be pinned. */
  services: readonly Service[];
  hazards: readonly Hazard[];
  /** The Services of the namespace have not been read: the next look does. */
  unread?: true;
}

const NOTHING: Pinning = { services: [], hazards: [] };

/** What leaving DISABLE takes; nothing where the scope is not DISABLE. */
export function pinningOf(rollout: MtlsRollout, world: World, state: ScopeState): Pinning {
  // pins that may be there and cannot be seen would cut clients off under STRICT
  if (state.mark?.applied?.at && !world.rules) return { services: [], hazards: [rulesNotSeen(state)] };
  if (state.effective.mode !== 'DISABLE') return NOTHING;
  // what somebody set to DISABLE again, and what no pin reaches, is left only with leave
  const direct = rollout.spec.destinationRules === 'Never' || state.scope.kind === 'Mesh';
  if (direct || isDrifted(state, rollout.metadata.uid)) return { services: [], hazards: [leavesDisable(state)] };
  const services = world.services.get(state.scope.namespace);
  if (!services) return { ...NOTHING, unread: true };
  const concerned = services.filter(service => disabledBehind(world, state, service));
  if (concerned.length === 0) return NOTHING;
  if (!world.rules) return { services: [], hazards: [rulesNotSeen(state)] };
  return judged(rollout, world.rules, world, state, concerned);
}

function judged(
  rollout: MtlsRollout,
  rules: readonly DestinationRule[],
  world: World,
  state: ScopeState,
  concerned: readonly Service[],
): Pinning {
  // sorted for every scope, so only what concerns it
  const foreign = rulesAbout(rules, concerned).filter(rule => pinOf(rule) === undefined);
  const before = clientView(foreign, world.rootNamespace);
  // a pin that is not there yet is the youngest
  const after = clientView(
    [...foreign, ...concerned.map(service => newPin(rollout, state.key, service, ''))],
    world.rootNamespace,
  );
  const pinned: Service[] = [];
  const hazards: Hazard[] = [];
  for (const service of concerned) {
    if (!before.otherThanDisable(service)) continue;
    const there = rules.find(({ metadata }) => isNamed(metadata, service));
    const hazard = objection(rollout, world, state, service, there, after);
    if (hazard) hazards.push(hazard);
    else pinned.push(service);
  }
  return { services: pinned, hazards };
}

function objection(
  rollout: MtlsRollout,
  world: World,
  state: ScopeState,
  service: Service,
  there: DestinationRule | undefined,
  after: ClientView,
): Hazard | undefined {
  const pin = there && pinOf(there);
  if (there && !pin) return pinVoid(state, service, `${nameOf(there)} has its name`, nameOf(there));
  const ours = pin === undefined || pin.rollout === rollout.metadata.uid || isAbout(pin, state);
  if (there && !ours) return pinVoid(state, service, `another rollout has made ${nameOf(there)}`, nameOf(there));
  const other = after.otherThanDisable(service);
  if (other) {
    const rule = other.decidedBy ? nameOf(other.decidedBy) : undefined;
    const who = other.namespace ? `clients in ${other.namespace}` : 'clients';
    const why = rule ? `${rule} decides for ${who}` : `another rule hides it from ${who}`;
    return pinVoid(state, service, why, rule ?? `Service ${service.namespace}/${service.name}`);
  }
  // a step that has begun has raised some of what is behind the Service, and goes on
  if (there) return undefined;
  const [mode] = [...modesBehind(world, service)].filter(each => each !== 'DISABLE');
  return mode && sharedService(state, service, mode);
}

/** Whether pods of the scope that are DISABLE may be behind the Service. */
function disabledBehind(world: World, { scope }: ScopeState, service: Service): boolean {
  if (Object.keys(service.selector).length === 0) return false;
  if (scope.kind === 'Workload' && !compatible(service.selector, scope.selector)) return false;
  return modesBehind(world, service).has('DISABLE');
}

/** Every mode that a pod which the Service selects may have. */
function modesBehind({ policies, rootNamespace }: World, { namespace, selector }: Service): Set<Mode> {
  const found = new Set<Mode>();
  const look = (labels: Labels) => {
    const { workload, ports } = effectiveModes(policies, rootNamespace, namespace, labels);
    for (const { mode } of [workload, ...ports.values()]) found.add(mode);
  };
  look(selector);
  for (const policy of policies.in(namespace)) {
    const labels = selectorOf(policy);
    if (labels && compatible(labels, selector)) look({ ...labels, ...selector });
  }
  return found;
}

function isNamed(metadata: DestinationRule['metadata'], service: Service): boolean {
  return metadata.namespace === service.namespace && metadata.name === pinName(service);
}

function leavesDisable({ key, effective }: ScopeState): Hazard {
  return {
    code: 'LeavesDisable',
    severity: 'Block',
    scope: key,
    object: effective.decidedBy ? nameOf(effective.decidedBy) : key,
    message: `${key} is DISABLE; clients and servers do not leave it at the same moment, and requests are lost`,
    fix: 'pin the clients with a DestinationRule tls DISABLE, set PERMISSIVE, remove the pin; or accept LeavesDisable',
  };
}

function sharedService({ key }: ScopeState, { namespace, name }: Service, mode: Mode): Hazard {
  return {
    code: 'LeavesDisable',
    severity: 'Block',
    scope: key,
    object: `Service ${namespace}/${name}`,
    message: `${key} is DISABLE, and Service ${namespace}/${name} may lead to pods that are ${mode} too, which a pin would harm`,
    fix: 'give those pods a Service of their own; or accept LeavesDisable to leave it at once, which loses requests',
  };
}

function pinVoid({ key }: ScopeState, { namespace, name }: Service, why: string, object: string): Hazard {
  return {
    code: 'PinVoid',
    severity: 'Block',
    scope: key,
    object,
    message: `${key} is DISABLE, and the clients of Service ${namespace}/${name} cannot be pinned: ${why}`,
    fix: 'set tls DISABLE there until the scope is PERMISSIVE, or remove it; or accept PinVoid, which loses requests',
  };
}

function rulesNotSeen({ key }: ScopeState): Hazard {
  return {
    code: 'RulesNotSeen',
    severity: 'Block',
    scope: key,
    object: 'DestinationRules of the cluster',
    message: `${key} leaves DISABLE, and its clients can be neither pinned nor let go: the DestinationRules of the cluster cannot be seen`,
    fix: "install Istio's CRDs, or allow the operator to list and watch them",
  };
}
