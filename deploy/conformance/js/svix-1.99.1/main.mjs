import * as svix from "svix";
import { run } from "../scenario/main.mjs";

await run(svix);
