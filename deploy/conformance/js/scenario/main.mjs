// Does with one version of Svix's JavaScript library all that its users do, and
// checks what it gets. The folders beside this one each install a version and
// hand it to run. POSTRIDER_URL, POSTRIDER_TOKEN and POSTRIDER_RECEIVER say
// where everything is.
import { World } from "./world.mjs";
import { applications, eventTypes } from "./catalogue.mjs";
import { endpoints, headers, secrets } from "./endpoints.mjs";
import { idempotency, messages } from "./messages.mjs";
import { deliveries } from "./deliveries.mjs";
import { operational } from "./operational.mjs";
import { portal, sendExample } from "./portal.mjs";

export async function run(library) {
  const w = new World(library);
  const parts = [
    applications, eventTypes, endpoints, secrets, headers, messages, idempotency, deliveries,
    portal, sendExample, operational,
  ];
  for (const part of parts) {
    await part(w);
  }
  console.log(`all ${w.steps} steps pass`);
}
