import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { ensureMoto } from "../../toolchain/moto.ts";

export interface MotoServer {
  readonly endpoint: string;
  close(): Promise<void>;
}

const START_LIMIT_MS = 60_000;

/** Starts moto on a free port, or says why there is none. */
export async function startMoto(): Promise<MotoServer | { readonly unavailable: string }> {
  const moto = await ensureMoto();
  if ("unavailable" in moto) return moto;
  const port = await freePort();
  const child = spawn(moto.python, ["-m", "moto.server", "-H", "127.0.0.1", "-p", String(port)], {
    env: { ...process.env, MOTO_IAM_LOAD_MANAGED_POLICIES: "true" },
    stdio: "ignore",
  });
  const endpoint = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + START_LIMIT_MS;
  while (!(await answers(endpoint))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill("SIGKILL");
      throw new Error(
        `Cannot start moto on port ${port}: it ended or did not answer within ${START_LIMIT_MS} ms`,
      );
    }
    await delay(100);
  }
  return { endpoint, close: () => stop(child) };
}

async function answers(endpoint: string): Promise<boolean> {
  return fetch(`${endpoint}/moto-api/`, { signal: AbortSignal.timeout(2_000) }).then(
    (response) => response.ok,
    () => false,
  );
}

async function stop(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await ended;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
