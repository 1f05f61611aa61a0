/** Namespace shop with a Deployment cart in the mesh and a Service in front of it: what others call in these tests. */

/** Port 80 of Service cart leads to container port 8080, and port 9090 to the same number. */
export const CART = `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  template:
    metadata: {labels: {app: cart}}
    spec:
      containers:
      - name: cart
        ports: [{name: http, containerPort: 8080}, {name: metrics, containerPort: 9090}]
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop, labels: {app: cart}}
spec:
  selector: {app: cart}
  ports: [{name: web, port: 80, targetPort: http}, {name: metrics, port: 9090}]
---
`;

/** Keeps one of the ports PERMISSIVE. */
export const exempt = (port: number) => `---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: cart, namespace: shop}
spec: {selector: {matchLabels: {app: cart}}, portLevelMtls: {"${port}": {mode: PERMISSIVE}}}
---
`;

/** A container of the mesh, as it stands in a pod that runs. */
export const PROXY = '{name: istio-proxy, image: "istio/proxyv2:1.27.1", args: [proxy, sidecar]}';
