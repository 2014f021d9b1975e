import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type PlaneOutputs, parsePlaneOutputs } from "../../stacks/plane/outputs.ts";
import type { EngineWorld } from "./world.ts";

const SCRIPT = fileURLToPath(new URL("../../script/pulumi", import.meta.url));

/** Brings up the dev plane the way a user does, and reads its outputs the way the service does. */
export async function bringUpPlane(world: EngineWorld): Promise<PlaneOutputs> {
  const args = ["up", "--stack", "dev", "--yes", "--skip-preview", "--non-interactive"];
  await new Promise<void>((resolve, reject) => {
    const child = spawn(SCRIPT, args, {
      env: { ...process.env, TENANTRY_DATA: world.dataDir },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk) => {
        output += String(chunk);
      });
    }
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`Cannot bring up the plane: script/pulumi ended with ${code}\n${output}`));
    });
  });
  return parsePlaneOutputs(await world.engine.planeOutputs({ stack: "dev" }));
}
