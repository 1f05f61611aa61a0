import { policies } from '../../../src/istio/hazards/policies.ts';
import { INJECTED, policy, service, workload } from './manifests.ts';
import { type Row, tellsApart } from './scene.ts';

const CART = INJECTED + workload('cart', { labels: '{app: cart, tier: back}' });
const LATER = '2026-02-01T00:00:00Z';
const strict = '{mtls: {mode: STRICT}}';
const forLabels = (labels: string, more = 'mtls: {mode: STRICT}') => `{selector: {matchLabels: ${labels}}, ${more}}`;
const SERVICE = service(
  'shop/cart',
  '{selector: {app: cart}, ports: [{port: 80, targetPort: 8080}, {port: 81, targetPort: 81}]}',
);
const onPort = (port: number) =>
  policy('shop/cart', forLabels('{app: cart}', `portLevelMtls: {"${port}": {mode: DISABLE}}`));
const discovery = (
  ...discoverySelectors: { matchLabels?: Record<string, string>; matchExpressions?: unknown[] }[]
) => ({
  discoverySelectors,
});

const ROWS: readonly Row[] = [
  {
    code: 'DeadPolicy',
    what: 'a second policy of the namespace; not one for chosen pods',
    yes: CART + policy('shop/old', strict) + policy('shop/new', strict, LATER),
    no: CART + policy('shop/old', strict) + policy('shop/new', forLabels('{app: cart}'), LATER),
    object: 'PeerAuthentication shop/new',
    says: /PeerAuthentication shop\/old is older and holds its place/,
  },
  {
    code: 'DeadPolicy',
    what: 'a policy whose pods an older one selects; not one that has a pod of its own',
    yes: CART + policy('shop/old', forLabels('{tier: back}')) + policy('shop/new', forLabels('{app: cart}'), LATER),
    no:
      CART +
      policy('shop/old', forLabels('{app: cart}')) +
      policy('shop/new', forLabels('{tier: back}'), LATER) +
      workload('pay', { labels: '{app: pay, tier: back}' }),
    object: 'PeerAuthentication shop/new',
    says: /PeerAuthentication shop\/old is older and selects its pods/,
  },
  {
    code: 'DeadPolicy',
    what: 'a second policy of the mesh; not one of another namespace',
    yes: policy('istio-system/old', strict) + policy('istio-system/new', strict, LATER),
    no: policy('istio-system/old', strict) + policy('shop/new', strict, LATER),
    object: 'PeerAuthentication istio-system/new',
    says: /istio-system\/old/,
  },
  {
    code: 'DeadPolicy',
    what: 'one that an older one hides; not one that selects nobody',
    yes: CART + policy('shop/old', forLabels('{app: cart}')) + policy('shop/new', forLabels('{tier: back}'), LATER),
    no: CART + policy('shop/old', forLabels('{app: cart}')) + policy('shop/new', forLabels('{app: gone}'), LATER),
    object: 'PeerAuthentication shop/new',
    says: /ignores it/,
  },
  {
    code: 'RootSelectorPolicy',
    what: 'a selector in the root namespace; not one elsewhere',
    yes: policy('istio-system/cart', forLabels('{app: cart}')),
    no: policy('shop/cart', forLabels('{app: cart}')),
    object: 'PeerAuthentication istio-system/cart',
    says: /root namespace/,
  },
  {
    code: 'RootSelectorPolicy',
    what: 'a selector with labels; not an empty one, which is none',
    yes: policy('istio-system/cart', forLabels('{app: cart}')),
    no: policy('istio-system/cart', forLabels('{}')),
    object: 'PeerAuthentication istio-system/cart',
    says: /ignores/,
  },
  {
    code: 'ServicePortPolicy',
    what: 'the port of the Service; not that of the container',
    yes: CART + SERVICE + onPort(80),
    no: CART + SERVICE + onPort(8080),
    object: 'PeerAuthentication shop/cart',
    says: /Service port 80 leads to container port 8080/,
  },
  {
    code: 'ServicePortPolicy',
    what: 'a port that no container has; not one that is the same in both, nor one that is in no Service',
    yes: CART + SERVICE + onPort(80),
    no:
      CART +
      SERVICE +
      policy('shop/cart', forLabels('{app: cart}', 'portLevelMtls: {"81": {mode: DISABLE}, "99": {mode: DISABLE}}')),
    object: 'PeerAuthentication shop/cart',
    says: /80/,
  },
  {
    code: 'InvisibleNamespace',
    what: 'a namespace that no selector matches; not one that the second matches',
    yes: INJECTED,
    no: INJECTED,
    mesh: discovery({ matchLabels: { mesh: 'on' } }),
    meshOfNo: discovery({ matchLabels: { mesh: 'on' } }, { matchLabels: { 'istio-injection': 'enabled' } }),
    object: 'Namespace shop',
    says: /leave it out/,
  },
  {
    code: 'InvisibleNamespace',
    what: 'expressions with In; not when the value is among them',
    yes: INJECTED,
    no: INJECTED,
    mesh: discovery({ matchExpressions: [{ key: 'istio-injection', operator: 'In', values: ['disabled'] }] }),
    meshOfNo: discovery({ matchExpressions: [{ key: 'istio-injection', operator: 'In', values: ['x', 'enabled'] }] }),
    object: 'Namespace shop',
    says: /discoverySelectors/,
  },
  {
    code: 'InvisibleNamespace',
    what: 'expressions with NotIn; not when the label is missing',
    yes: INJECTED,
    no: INJECTED,
    mesh: discovery({ matchExpressions: [{ key: 'istio-injection', operator: 'NotIn', values: ['enabled'] }] }),
    meshOfNo: discovery({ matchExpressions: [{ key: 'team', operator: 'NotIn', values: ['enabled'] }] }),
    object: 'Namespace shop',
    says: /discoverySelectors/,
  },
  {
    code: 'InvisibleNamespace',
    what: 'expressions with Exists; not with DoesNotExist',
    yes: INJECTED,
    no: INJECTED,
    mesh: discovery({ matchExpressions: [{ key: 'team', operator: 'Exists' }] }),
    meshOfNo: discovery({ matchExpressions: [{ key: 'team', operator: 'DoesNotExist' }] }),
    object: 'Namespace shop',
    says: /discoverySelectors/,
  },
  {
    code: 'InvisibleNamespace',
    what: 'a namespace of another name; not its own, which the API server puts on it as a label',
    yes: INJECTED,
    no: INJECTED,
    mesh: discovery({ matchLabels: { 'kubernetes.io/metadata.name': 'other' } }),
    meshOfNo: discovery({ matchLabels: { 'kubernetes.io/metadata.name': 'shop' } }),
    object: 'Namespace shop',
    says: /discoverySelectors/,
  },
];

describe('hazards: policies that do not do what they seem to', () => {
  tellsApart(policies, ROWS);
});
