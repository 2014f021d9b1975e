/**
 * Made by npm run contract; do not edit. The project's own policies as they were checked last, with the schema and the Cedar they were
 * checked by. A process that starts with just these need not check them again, which is most of what taking them costs.
 */
export const KNOWN_SET = "5e1b7483a3af82a1a8ec41b34094287775218c8bc5bdfd942bdd8cdf66f16f85";
