/* Which network the hosts share; see host_network.h. */
#include "host_network.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

extern char **environ;

static bool says_interfaces(const char *path)
{
    char line[512];
    FILE *f = fopen(path, "r");
    bool found = false;

    while (f && !found && fgets(line, sizeof line, f))
        found = line[strspn(line, " \t")] != '#' && strstr(line, "tcp_if_");
    if (f)
        fclose(f);
    return found;
}

/* By environment or by Open MPI's own files: include and exclude do not go together. */
static bool user_has_said(void)
{
    const char *home = getenv("HOME");
    char path[512];

    for (char **e = environ; *e; e++)
        if (!strncmp(*e, "OMPI_MCA_", 9) && strstr(*e, "tcp_if_"))
            return true;
    snprintf(path, sizeof path, "%s/.openmpi/mca-params.conf", home ? home : "");
    return says_interfaces(path) || says_interfaces("/etc/openmpi/openmpi-mca-params.conf");
}

/* The IPv4 address of a host's name, in network order; 0: none. */
static in_addr_t address_of(const char *host)
{
    struct addrinfo want = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found = NULL;
    in_addr_t address = 0;

    if (!getaddrinfo(host, NULL, &want, &found) && found)
        address = ((const struct sockaddr_in *)(const void *)found->ai_addr)->sin_addr.s_addr;
    if (found)
        freeaddrinfo(found);
    return address;
}

static bool is_own_name(const char *host)
{
    char own[256] = "";

    gethostname(own, sizeof own - 1);
    return !strcmp(host, own) || !strcmp(host, "localhost");
}

static bool is_own_address(in_addr_t address, const struct ifaddrs *all)
{
    for (const struct ifaddrs *i = all; i; i = i->ifa_next)
        if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET &&
            ((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr.s_addr == address)
            return true;
    return ntohl(address) >> 24 == 127;
}

/* The narrowest network of this machine's that the address is in. False: none. */
static bool network_of(in_addr_t *net, in_addr_t *mask, in_addr_t address, const struct ifaddrs *all)
{
    bool found = false;

    for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
        in_addr_t here, m;

        if (!i->ifa_addr || !i->ifa_netmask || i->ifa_addr->sa_family != AF_INET || !(i->ifa_flags & IFF_UP))
            continue;
        here = ((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr.s_addr;
        m = ((const struct sockaddr_in *)(const void *)i->ifa_netmask)->sin_addr.s_addr;
        if ((here & m) != (address & m) || (found && ntohl(m) < ntohl(*mask)))
            continue;
        *net = here & m;
        *mask = m;
        found = true;
    }
    return found;
}

void vb_host_network(char network[VB_NETWORK_MAX], const vb_hosts *h)
{
    struct ifaddrs *all = NULL;
    in_addr_t net = 0, mask = 0;
    char text[INET_ADDRSTRLEN];
    int others = 0;

    network[0] = '\0';
    if (user_has_said() || getifaddrs(&all))
        return;
    for (int i = 0; i < h->n; i++) {
        in_addr_t address = address_of(h->list[i].name), n, m;

        if (is_own_name(h->list[i].name) || is_own_address(address, all))
            continue;
        if (!address || !network_of(&n, &m, address, all) || (others && (n != net || m != mask)))
            goto out;
        net = n;
        mask = m;
        others++;
    }
    if (others && inet_ntop(AF_INET, &net, text, sizeof text))
        snprintf(network, VB_NETWORK_MAX, "%s/%d", text, __builtin_popcount(mask));
out:
    freeifaddrs(all);
}

bool vb_host_is_own(const char *host)
{
    struct ifaddrs *all = NULL;
    bool own = is_own_name(host);

    if (!own && !getifaddrs(&all)) {
        own = is_own_address(address_of(host), all);
        freeifaddrs(all);
    }
    return own;
}
