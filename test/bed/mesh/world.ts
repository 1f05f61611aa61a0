/** Where things are in the mesh's own world, which `inside.ts` makes ready. */

/** Memory, seen from inside only. Everybody may look into it: agents and proxies do not run as root. */
export const WORLD = '/mnt';
export const ENVOY = `${WORLD}/envoy`;
export const MESHBED = `${WORLD}/meshbed`;
/** A folder for each pod. */
export const PODS = `${WORLD}/pods`;
/** Where everything that is no pod lives: control plane, istiod, Prometheus, the operator. */
export const HOST = '10.77.0.1';
/** Length of the prefix of the network of all pods. */
export const PREFIX = 16;
/** Addresses of Services exist only in the tables of the proxies. What nobody intercepts goes nowhere. */
export const SERVICES = '10.96.0.0/16';
/** The only name that is looked up on the network. */
export const ISTIOD = 'istiod.istio-system.svc';
/** Under this name the process that holds the world is recorded outside of it. */
export const WORLD_PROCESS = 'mesh';
