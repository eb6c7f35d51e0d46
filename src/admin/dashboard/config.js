/** What GET /config says about routes and log level; asked for again when the version changes, while somebody looks at it. */

/** @typedef {{ key: string, table: string, host: string, hosts: string[], name: string, route: any }} ConfiguredRoute */

/** No name holds a line break. @param {string} table @param {string} host of the virtual host @param {string} name */
export const routeKey = (table, host, name) => `route ${table}\n${host}\n${name}`;

export class RunningConfig {
  #api;
  #asking = false;
  #failedVersion = -1;
  /** @type {number | null} */
  version = null;
  /** @type {any} */
  config = null;
  /** By routeKey. @type {Map<string, ConfiguredRoute>} */
  routes = new Map();

  /** @param {import('./api.js').Api} api */
  constructor(api) {
    this.#api = api;
  }

  /** @param {number} version that runs @param {() => void} arrived called when a newer one is here */
  need(version, arrived) {
    if (this.#asking || this.version === version || this.#failedVersion === version) return;
    void this.#ask(version, arrived);
  }

  /** @param {number} version @param {() => void} arrived */
  async #ask(version, arrived) {
    this.#asking = true;
    try {
      const answer = await this.#api.get('/config');
      this.version = answer.version;
      this.config = answer.config;
      this.routes = routesOf(answer.config);
      arrived();
    } catch {
      // Without it there are no controls of routes; the poll says so when nothing answers at all.
      this.#failedVersion = version;
    }
    this.#asking = false;
  }
}

/** @param {any} config */
function routesOf(config) {
  /** @type {Map<string, ConfiguredRoute>} */
  const routes = new Map();
  for (const [table, hosts] of Object.entries(config?.routes ?? {})) {
    for (const host of /** @type {any[]} */ (hosts)) {
      for (const route of host.routes) {
        const key = routeKey(table, host.name, route.name);
        routes.set(key, { key, table, host: host.name, hosts: host.hosts, name: route.name, route });
      }
    }
  }
  return routes;
}

/** What a route takes, as one line. @param {any} route of the configuration */
export function matchText({ match }) {
  const { path, methods = [], headers = [], query = [] } = match ?? {};
  const where = path === undefined ? '' : path.kind === 'prefix' ? `${path.value}${path.value.endsWith('/') ? '' : '/'}…` : path.kind === 'regex' ? `~ ${path.value}` : path.value;
  const more = [...headers, ...query].map(({ name }) => name);
  return [methods.join(' '), where, more.length === 0 ? '' : `with ${more.join(', ')}`].filter((part) => part !== '').join(' ');
}

/** Where a route leads, as one line. @param {any} route of the configuration */
export function actionText({ action }) {
  switch (action?.kind) {
    case 'cluster': return action.cluster;
    case 'weightedClusters': return action.clusters.map((/** @type {any} */ { cluster, weight }) => `${cluster} ${weight}`).join(' : ');
    case 'redirect': return `redirect ${action.redirect.status}`;
    case 'respond': return `answer ${action.respond.status}`;
    default: return '';
  }
}
