import assert from "node:assert/strict";

// World is the system as a client sees it.
export class World {
  constructor(library) {
    Object.assign(this, library); // Webhook and the enumerations
    this.steps = 0;
    this.last = "";
    this.receiver = process.env.POSTRIDER_RECEIVER;
    this.recordExchanges();
    this.svix = this.as(process.env.POSTRIDER_TOKEN);
  }

  // as is a client with another token.
  as(token) {
    return new this.Svix(token, { serverUrl: process.env.POSTRIDER_URL });
  }

  // uid is a name that no other client uses, since they run beside each other.
  uid(name) {
    return `${process.env.CLIENT}.${name}`;
  }

  // Version 2 has new names for some operations.
  upsert(resource, ...args) {
    return (resource.upsert ?? resource.update).apply(resource, args);
  }

  setHeaders(...args) {
    const { endpoint } = this.svix;
    return (endpoint.setHeaders ?? endpoint.updateHeaders).apply(endpoint, args);
  }

  // Version 1 names the event types of an endpoint otherwise.
  types(names) {
    return this.svix.endpoint.upsert ? { eventTypes: names } : { filterTypes: names };
  }

  // recordExchanges keeps the last request and its answer, for whoever looks for
  // a fault. Both versions use the global fetch.
  recordExchanges() {
    const { fetch } = globalThis;
    globalThis.fetch = async (url, options) => {
      const response = await fetch(url, options);
      const body = await response.clone().text();
      this.last = `  request: ${options?.method ?? "GET"} ${url} ${options?.body ?? ""}\n  answer:  ${response.status} ${body}`;
      return response;
    };
  }

  // step does one thing that users do. The first that fails ends the program.
  async step(name, work) {
    try {
      await work();
    } catch (fault) {
      const said = fault.body ? `${fault.message} ${JSON.stringify(fault.body)}` : fault.stack;
      console.log(`FAIL ${name}: ${said}\n${this.last}`);
      process.exit(1);
    }
    this.steps++;
    console.log("ok  ", name);
  }

  // hook is an endpoint's URL at the receiver.
  hook(name) {
    return `${this.receiver}/hook/${this.uid(name)}`;
  }

  // answers sets the status that deliveries to a hook get.
  async answers(name, status) {
    await fetch(`${this.receiver}/answer/${this.uid(name)}`, { method: "PUT", body: String(status) });
  }

  // arrived waits until a hook has got n deliveries, and returns all that it got.
  async arrived(name, n) {
    const response = await fetch(`${this.receiver}/got/${this.uid(name)}?n=${n}`);
    assert.equal(response.status, 200, `at hook ${name}`);
    return response.json();
  }

  // application makes one that is used by several steps.
  async application(name) {
    return (await this.svix.application.getOrCreate({ name, uid: this.uid(name) })).id;
  }

  // post posts a message and returns its id.
  async post(app, eventType, channels) {
    return (await this.svix.message.create(app, { eventType, payload: { kind: eventType }, channels })).id;
  }

  // finished follows a task to its end. It has to look at so many, and to send
  // so many of them.
  async finished(task, total, messagesSent) {
    await until(`task ${task} is finished`, async () => {
      const { status, data } = await this.svix.backgroundTask.get(task);
      assert.equal(data.total, total);
      assert.ok(data.done <= total);
      if (status !== "finished") return false;
      assert.deepEqual(data, { done: total, total, messagesSent });
      return true;
    });
  }
}

// refused expects an answer with that status.
export async function refused(status, work) {
  await assert.rejects(work, (fault) => {
    assert.equal(fault.code, status, `${fault.message} ${fault.stack}`);
    return true;
  });
}

// until asks again, a hundred times at most, until ok.
export async function until(what, ok) {
  for (let tries = 0; tries < 100; tries++) {
    if (await ok()) return;
    await new Promise((wake) => setTimeout(wake, 100));
  }
  assert.fail(`never: ${what}`);
}

// walk goes through a list in pages of two, forward and then back, and checks
// that both ways show the same. It returns what is ours: other clients make and
// delete what is of no application at the same time.
export async function walk(ours, list, key = "id") {
  const all = [];
  let last = { data: [] }; // the last page that has anything: its successor may have been deleted
  for (let page = {}; !page.done; ) {
    page = await list({ limit: 2, iterator: page.iterator });
    assert.ok(page.done || page.data.length === 2, "a short page that is not the last");
    all.push(...page.data);
    assert.ok(all.length < 200, "the list has no end");
    if (page.data.length > 0) last = page;
  }
  let back = last.data;
  for (let page = { prevIterator: last.prevIterator }; !page.done && page.prevIterator; ) {
    page = await list({ limit: 2, iterator: page.prevIterator });
    back = [...page.data, ...back];
  }
  const keys = (items) => items.map((item) => item[key]).filter((id) => ours.includes(id));
  assert.deepEqual(keys(back), keys(all), "walked back");
  return keys(all);
}

// pick returns the items at some places.
export const pick = (all, at) => at.map((i) => all[i]);
