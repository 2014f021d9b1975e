import type { Tenancy } from "./provision.ts";
import { closeOwner, locked, openOwner } from "./roles.ts";
import { newPassword } from "./scram.ts";
import { refused, type Session } from "./session.ts";

/**
 * Work on a tenant's rows and definitions. It may run the tenant's own code (generated columns, indexes, checks, views), and
 * code can always leave a role that a session has put on: RESET ROLE. So the session does not put the owner on, it logs
 * in as the owner, and there is nobody else to become. The owner can log in with a password that nobody has for as long as
 * the connection takes to be made.
 */
export async function asOwner<T>(
  tenancy: Tenancy,
  doing: string,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await openAsOwner(tenancy, doing);
  try {
    return await work(session);
  } catch (thrown) {
    return refused(tenancy.server.place.permit, doing, thrown);
  } finally {
    await session.end().catch(() => undefined);
  }
}

function openAsOwner({ server, tenant, names, database }: Tenancy, doing: string): Promise<Session> {
  const login = { username: names.owner, password: newPassword() };
  const open = async (admin: Session) => {
    await openOwner(admin, login, tenant.layout);
    try {
      return await server.open(doing, database, login);
    } finally {
      await closeOwner(admin, names);
    }
  };
  // Two at once would change each other's password.
  return locked(server, doing, names.owner, () => server.connect(doing, server.place.databaseName, open));
}
