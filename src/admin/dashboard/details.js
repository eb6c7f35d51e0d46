/**
 * The long form of clusters, GET /clusters: why, since when, evidence, history. It is large, so it is asked for only while somebody
 * looks at it, and not every second.
 */
const EVERY_MS = 4000;

export class Details {
  /** @type {Map<string, { cluster: any, endpoints: Map<string, any> }>} */
  #clusters = new Map();

  /** @param {any} answer */
  constructor(answer) {
    for (const cluster of answer.clusters ?? []) this.#clusters.set(cluster.name, { cluster, endpoints: new Map((cluster.endpoints ?? []).map((/** @type {any} */ endpoint) => [endpoint.address, endpoint])) });
  }

  /** @param {string} name */
  cluster(name) {
    return this.#clusters.get(name)?.cluster ?? null;
  }

  /** @param {string} cluster @param {string} address */
  endpoint(cluster, address) {
    return this.#clusters.get(cluster)?.endpoints.get(address) ?? null;
  }
}

export class ClusterDetails {
  #api;
  /** @type {Details | null} */
  #details = null;
  #askedAt = -Infinity;
  #key = '';
  #asking = false;

  /** @param {import('./api.js').Api} api */
  constructor(api) {
    this.#api = api;
  }

  /**
   * What is known; asks for news when that is old, or at once when `key` is another one. An empty key: nothing is wanted.
   * @param {string} key
   */
  now(key) {
    if (key === '') return this.#details;
    const age = performance.now() - this.#askedAt;
    if (!this.#asking && (age > EVERY_MS || (key !== this.#key && age > EVERY_MS / 4))) {
      this.#key = key;
      void this.#ask();
    }
    return this.#details;
  }

  async #ask() {
    this.#asking = true;
    this.#askedAt = performance.now();
    try {
      this.#details = new Details(await this.#api.get('/clusters'));
    } catch {
      // The poll of GET /stats says that the endpoint does not answer.
    }
    this.#asking = false;
  }
}
