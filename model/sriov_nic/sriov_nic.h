/* SPDX-License-Identifier: MIT */
/*
 * An SR-IOV adapter: virtual functions with one or several pairs of queues, a TX and an RX ring in
 * guest memory each. Queues are numbered through, function by function: with one pair a function,
 * a queue's number is its function's. Two engines (TX, RX) are agents with a transaction of their
 * own; the caller steps them in simulated time. An engine works on one packet at a time and asks
 * for its DMAs, which go on beside it: how many, the link's tags, credits and rate say. DMAs go
 * through PCIe and IOMMU under the function's requester id.
 *
 * Descriptor, 16 bytes: u64 buffer address (of the device's address space), u32 bytes of the frame
 * in that buffer, u32 flags. Software owns a descriptor until it moves the tail past it, hardware
 * until DD is set. A frame that one buffer does not hold takes several descriptors; all but its
 * last have MORE.
 *
 * A packet is a journey: packet.tx from the guest's send to its last bit on the wire, packet.rx
 * from its first bit on the wire to the guest having read it.
 */
#ifndef VIRTSIM_SRIOV_NIC_H
#define VIRTSIM_SRIOV_NIC_H

#include "sriov_nic/adminq.h"
#include "virtsim/port/function.h"
#include "virtsim/port/upstream.h"
#include "virtsim/port/wire.h"

#define VS_NIC_HEADERS 42u  /* Ethernet 14, IPv4 20, UDP 8 */
#define VS_NIC_BUFFER 2048u /* bytes of the buffer that a descriptor names */
#define VS_NIC_FRAME 9724u  /* the longest frame, without frame check: 9728 with it (X710) */
#define VS_NIC_MAX_PAYLOAD (VS_NIC_FRAME - VS_NIC_HEADERS)
#define VS_NIC_TCP_HEADERS 54u /* Ethernet 14, IPv4 20, TCP 20 */
#define VS_NIC_ETHERNET 14u
#define VS_NIC_STREAM 65536u    /* bytes that a driver gives in one piece, for the adapter to cut */
#define VS_NIC_HEADER_BYTES 18u /* of Ethernet's, with a VLAN's tag */
#define VS_NIC_VLANS 4096u
#define VS_NIC_RING_STEP 8u /* a ring has whole cache lines of 128 bytes */
#define VS_NIC_CACHED 64u   /* descriptors of a ring that a device can hold */
#define VS_NIC_QUEUES 64u   /* of a function, at most */
#define VS_NIC_RSS_TABLE 512u
#define VS_NIC_WRITE_BACKS 1024u
#define VS_NIC_BURST 32u /* descriptors that go into memory together, at most; and one frame's */
#define VS_NIC_KEPT (VS_NIC_BURST + 40u)

#define VS_DEF_NAME nic
#define VS_DEF_FILE "sriov_nic/sriov_nic.def"
#include "virtsim/def_types.h"

#define VS_NIC_DD 1u
#define VS_NIC_MORE 2u
#define VS_NIC_ADDRESSED 4u /* of a frame's first: its buffer begins with an Ethernet header */
#define VS_NIC_SEGMENT_SHIFT                                                                       \
    16 /* likewise: payload of each frame that the adapter makes; 0: one                           \
        */
#define VS_NIC_TO_ALL                                                                              \
    128u /* of a request: a frame is for everybody, for the wire, else a function */
#define VS_NIC_TO_WIRE 129u
#define VS_NIC_TO_PHYSICAL 130u
#define VS_NIC_FROM_OWN 128u /* it bears its function's own address, else this one's */
#define VS_NIC_BROADCAST 0xffffffffffffull
#define VS_NIC_FAR 0x020000000100ull      /* the other end of the wire */
#define VS_NIC_PHYSICAL 0x0200000000ffull /* the physical function */
#define VS_NIC_WIRE_OVERHEAD 24u          /* preamble 8, frame check 4, inter-packet gap 12 */
#define VS_NIC_MIN_FRAME 60u              /* without frame check */
#define VS_NIC_MAX_FRAME 10240u           /* what the transmit buffer keeps free for the next one */
#define VS_NIC_OUT_PIECES 40u             /* descriptors of a stream's 64 KiB, or of one frame */
#define VS_NIC_NEVER UINT64_MAX
#define VS_NIC_NO_VECTOR UINT32_MAX

/* Of a frame. Without one (VS_NIC_ADDRESSED) it goes from its function to the other end. */
struct vs_nic_header {
    uint64_t to, from; /* addresses of 48 bits */
    uint16_t vlan;     /* 0: no tag */
};
/* A virtual function's own address. */
static inline uint64_t vs_nic_mac(uint32_t vf)
{
    return 0x020000000000ull + vf;
}

/* A virtual function's mailbox: where its registers are, their bits. */
#define VS_NIC_VFMBMEM 0x200u
#define VS_NIC_VFMAILBOX 0x2fcu
#define VS_NIC_MAIL_WORDS 16u
#define VS_NIC_MAIL_REQ 0x01u
#define VS_NIC_MAIL_ACK 0x02u
#define VS_NIC_MAIL_VFU 0x04u
#define VS_NIC_MAIL_PFU 0x08u
#define VS_NIC_MAIL_PFSTS 0x10u
#define VS_NIC_MAIL_PFACK 0x20u
/* Bits of a message's first word: how it was answered; and its kinds. */
#define VS_NIC_MAIL_DONE 0x80000000u
#define VS_NIC_MAIL_REFUSED 0x40000000u
#define VS_NIC_MAIL_CLEAR_TO_SEND 0x20000000u
#define VS_NIC_MAIL_ADD 0x10000u /* of VS_NIC_MAIL_VLAN */
enum vs_nic_mail {
    VS_NIC_MAIL_RESET = 0x01,
    VS_NIC_MAIL_MAC = 0x02,
    VS_NIC_MAIL_VLAN = 0x04,
    VS_NIC_MAIL_LPE = 0x05, /* the longest frame */
    VS_NIC_MAIL_API = 0x08,
    VS_NIC_MAIL_LINK = 0x10
};
enum vs_nic_mail_owner { VS_NIC_MAIL_FREE, VS_NIC_MAIL_OF_VF, VS_NIC_MAIL_OF_PF };
struct vs_nic_mailbox {
    uint32_t word[VS_NIC_MAIL_WORDS];
    enum vs_nic_mail_owner owner;
    /* since when bits are set, VS_NIC_NEVER: they are not; for the physical side a request and the
     * receipt of an answer, for the virtual one an answer and the receipt of its request */
    uint64_t request_ps, received_ps, message_ps, acknowledged_ps;
};

/* The order of the choices in nic.path. */
enum vs_nic_path { VS_NIC_FUNCTION, VS_NIC_HOST };

/* The order of the choices in nic.physical. */
enum vs_nic_host { VS_NIC_NOBODY, VS_NIC_SINK, VS_NIC_ECHO };

struct vs_nic_descriptor {
    uint64_t word[2];
    uint64_t ready_ps; /* in the device */
};

/* Descriptors that are done and go into memory together: of one ring, in a row. */
struct vs_nic_kept {
    uint32_t first, n;
    uint64_t due_ps; /* when they go, however few they are; VS_NIC_NEVER: there are none */
    uint64_t word[VS_NIC_KEPT][2];
};

struct vs_nic_ring {
    uint64_t base;          /* device address of descriptor 0 */
    uint32_t n, head, tail; /* hardware's next, software's end */
    uint32_t first, cached; /* those that the device has or has asked for: from head on */
    struct vs_nic_descriptor cache[VS_NIC_CACHED]; /* a queue that wraps */
    struct vs_tape fetch; /* the parts of the last fetch that an engine waits for */
    struct vs_nic_kept kept;
    bool ready; /* RX: software has given it descriptors */
};

/* Segments of one connection that become one large packet (coalesce.c). */
struct vs_nic_aggregate {
    uint32_t segments, ended; /* 0: there is none; those that end in the buffer at hand */
    uint32_t stream, bytes, buffers;
    uint32_t slot, fill; /* of the buffer at hand: its descriptor, bytes in it */
    uint64_t at;         /* where it is */
    uint64_t taken_ps;   /* the link has what was written last */
    uint64_t due_ps;     /* its time is over; VS_NIC_NEVER: there is none */
};

struct vs_nic;
struct vs_nic_function;

/* A pair of rings, and the vector that announces what the receive ring has got. */
struct vs_nic_queue {
    struct vs_nic_function *fn;
    uint16_t actor;         /* of its packets: its function, or of several pairs this one */
    bool ever_irq, stopped; /* stopped: the IOMMU blocked what it was to send */
    bool off[2];            /* receiving, sending: the physical function's driver has disabled it */
    uint32_t vector;        /* which of its function's vectors announces it: VS_NIC_NO_VECTOR */
    struct vs_nic_ring tx, rx;
    uint64_t msi_address;
    uint32_t msi_data;
    uint64_t itr_ps; /* least time between its interrupts, as its driver has set it */
    uint64_t last_irq_ps, irq_due_ps; /* due: VS_NIC_NEVER = none pending */
    /* journeys: transmit by ring slot, receive by rx_done mod n */
    struct vs_journey *tx_journey, *rx_journey;
    struct vs_nic_aggregate aggregate;
    bool *rx_follows;           /* it is in one large packet with the one before */
    uint32_t *tx_of;            /* with nic.path = host: the interface that it is from, by slot */
    bool *tx_begun;             /* a frame begins in this slot that somebody follows */
    uint64_t *rx_seen_ps;       /* when its descriptor says so in memory */
    uint32_t rx_first, rx_done; /* received packets not yet read: slots [rx_first, rx_done) mod n */
    uint32_t rx_written;        /* of these, as far as their descriptors are written back */
    uint32_t rx_seen;           /* of these, as far as the guest has been told of */
    uint32_t rx_announced;      /* of these, how many an interrupt has covered */
    uint64_t rx_read_ps;        /* when the guest had read the last one */
};

struct vs_nic_function {
    struct vs_nic *adapter;
    uint16_t requester, actor;
    struct vs_txn dma;          /* what is under way beside the engines */
    struct vs_nic_queue *queue; /* its first one */
    uint32_t next_queue;        /* whose turn it is to send */
    uint8_t
        table[VS_NIC_RSS_TABLE]; /* which of its queues gets what, by the last bits of the hash */
    uint16_t port_vlan;          /* all that it sends and gets is in this one; 0: as vlans says */
    bool check_source;           /* what it sends has to bear its own address */
    bool deaf;                   /* its receive unit is disabled: nothing comes to it */
    uint64_t mac;                /* its own address */
    struct vs_nic_mailbox mailbox;
    struct vs_nic_admin *admin;       /* its admin queues; NULL: nobody has used them */
    uint8_t vlans[VS_NIC_VLANS / 8u]; /* a bit for each that it is in */
    uint64_t rate_free_ps;            /* nic.rate_mbps lets it send again */
};

/* A packet in the adapter's buffer, until the engine has carried it into memory. */
struct vs_nic_arrival {
    uint64_t first_ps, in_ps; /* its first bit, its last */
    uint32_t queue, payload;
    uint32_t stream; /* of TCP segments: their connection, from 1 on */
    bool addressed;  /* it begins with this Ethernet header */
    struct vs_nic_header header;
};

/* A descriptor that is to be written back when its frame has been read. */
struct vs_nic_write_back {
    uint64_t due_ps, word[2];
    struct vs_nic_queue *queue;
    uint32_t slot;
};

struct vs_nic {
    struct vs_nic_config cfg;
    uint16_t account;
    struct vs_ledger *ledger;
    struct vs_upstream_port link;
    struct vs_wire_port wire; /* the machine's; without one nobody is at the other end */
    struct { /* with nic.poll: a packet is seen in a queue's ring from `at_ps` on */
        void *ctx;
        void (*there)(void *ctx, uint32_t queue, uint64_t at_ps);
    } reader;
    struct vs_txn tx, rx;                 /* the engines' time lines: nic0/tx, nic0/rx */
    struct vs_tape tape;                  /* the parts of the DMAs asked for last */
    struct vs_nic_write_back *write_back; /* TX: a queue that wraps */
    uint32_t write_back_first, n_write_backs;
    struct vs_tape tx_tape; /* what the TX engine was about last, while somebody follows it */
    uint64_t sent_ps;       /* the last frame is in the transmit buffer */
    uint64_t wire_tx_busy_ps, wire_rx_busy_ps;
    struct vs_nic_arrival *arrival; /* the receive buffer: a queue that wraps */
    uint32_t arrivals, arrival_first, n_arrivals;
    uint64_t rx_buffered; /* bytes in it */
    uint64_t rx_begun_ps; /* the engine turned to the first of them; 0: it has not */
    uint64_t irq_due_ps;  /* the earliest of the queues' */
    uint64_t kept_due_ps; /* likewise of what is kept to be written back */
    unsigned char *head;  /* the first piece of a frame, where its header is looked at */
    struct vs_nic_function *fn;
    struct vs_nic_queue *queue;
    uint32_t n_fn, next_fn, n_used; /* used: functions up to the last one that has rings */
    uint32_t n_all; /* n_fn virtual ones, and with nic.physical the physical one behind them */
    uint32_t pairs, n_queues; /* of a function; of all */
    /* with nic.path = host the virtual functions are pools, which the physical one has; and the
     * guests' interfaces, whose queues, behind all others, the host's driver serves; or 0 */
    uint32_t n_interfaces;
    uint32_t sender; /* of the frame that goes out: a queue, the interface's if it is from one */
    uint16_t pf_requester;
    uint64_t mail_address; /* the physical function's message for mailboxes; 0: nobody wants it */
    uint32_t mail_data;
    struct { /* the firmware has a command before it, and acts then */
        void *ctx;
        void (*rung)(void *ctx, uint64_t at_ps);
    } firmware;
    uint64_t firmware_ps;  /* it was about the last one until then */
    uint64_t admin_due_ps; /* when it acts next; VS_NIC_NEVER */
    uint64_t count[VS_CNT_nic_N];
};

void vs_nic_check(const struct vs_nic_config *cfg, struct vs_errors *errors);
enum vs_status vs_nic_init(struct vs_nic *n, const struct vs_nic_config *cfg,
                           struct vs_ledger *ledger, const struct vs_upstream_port *link,
                           uint16_t pf_requester);
void vs_nic_free(struct vs_nic *n);
void vs_nic_rings(struct vs_nic *n, uint32_t queue, uint64_t tx_base, uint64_t rx_base);
void vs_nic_msix(struct vs_nic *n, uint32_t queue, uint64_t address, uint32_t data);
/* The number of the physical function, where it has queues of its own (nic.physical). */
static inline uint32_t vs_nic_physical(const struct vs_nic *n)
{
    return n->n_fn;
}
/* How many virtual functions there are. */
static inline uint32_t vs_nic_virtual(const struct vs_nic *n)
{
    return n->n_interfaces ? 0 : n->n_fn;
}
/* The number of its first pair of queues. */
static inline uint32_t vs_nic_physical_queue(const struct vs_nic *n)
{
    return n->n_fn * n->pairs;
}
/* Which of its vectors a pool's is: behind those of its own queues. */
static inline uint32_t vs_nic_pool_vector(const struct vs_nic *n, uint32_t pool)
{
    return n->pairs + pool;
}
/* The function that a requester id is; the physical one's is n_fn. */
static inline uint32_t vs_nic_function_of(const struct vs_nic *n, uint16_t requester)
{
    return n->n_interfaces || requester < n->fn[0].requester
               ? n->n_fn
               : (uint32_t)(requester - n->fn[0].requester) / (uint32_t)n->cfg.stride;
}
/* function.c: what its functions are to configuration space, and what is behind their registers;
 * a reset stops a function's queues, and what is under way for it is lost. */
void vs_nic_identity(const struct vs_nic *n, struct vs_pci_identity *physical,
                     struct vs_pci_identity *virtual_function);
struct vs_function_port vs_nic_function_port(struct vs_nic *n, uint32_t vf);
/* What the physical function's driver has set of a function: its port's VLAN, anti-spoofing; the
 * VLANs that it is in itself. */
void vs_nic_policy(struct vs_nic *n, uint32_t vf, uint16_t port_vlan, bool check_source);
void vs_nic_vlan(struct vs_nic *n, uint32_t vf, uint16_t vlan, bool in);
/* mailbox.c. The virtual side's registers, VS_NIC_VFMBMEM and VS_NIC_VFMAILBOX. */
uint32_t vs_nic_mailbox_read(struct vs_nic *n, uint32_t vf, uint64_t offset, vs_ps at);
void vs_nic_mailbox_write(struct vs_nic *n, uint32_t vf, uint64_t offset, uint32_t value, vs_ps at);
/* The physical side: a request, or the receipt of an answer, is there, and no more; the buffer is
 * its own, false: it is the other side's; it is free again, with a message in it or as read. */
bool vs_nic_mail_take(struct vs_nic *n, uint32_t vf, bool acknowledgement, vs_ps at);
bool vs_nic_mail_lock(struct vs_nic *n, uint32_t vf);
void vs_nic_mail_release(struct vs_nic *n, uint32_t vf, bool message, vs_ps at);
/* Which message interrupts the physical function for mailboxes. */
void vs_nic_mail_vector(struct vs_nic *n, uint64_t address, uint32_t data);
/* adminq.c. The registers of a function's admin queues, at a virtual one's offsets (VS_NIC_ATQBAL
 * and others): a read, and a write, which the firmware acts on when it is the tail of what is sent
 * (vs_nic_admin_step). */
uint32_t vs_nic_admin_read(const struct vs_nic *n, uint32_t fn, uint64_t offset, vs_ps at);
void vs_nic_admin_write(struct vs_nic *n, uint32_t fn, uint64_t offset, uint32_t value, vs_ps at);
/* When the firmware acts next; what it does by `at`, and when again. */
static inline uint64_t vs_nic_admin_due(const struct vs_nic *n)
{
    return n->admin_due_ps;
}
uint64_t vs_nic_admin_step(struct vs_nic *n, vs_ps at);
/* How many addresses the function would have with this one, its own among them; 0: it has it. */
uint32_t vs_nic_admin_addresses(const struct vs_nic *n, uint32_t vf, uint64_t mac);
/* How often it was reset since it has used its queues; its reset is over at that time. */
uint32_t vs_nic_admin_resets(const struct vs_nic *n, uint32_t vf);
void vs_nic_admin_resetting(struct vs_nic *n, uint32_t vf, vs_ps until);
/* What the physical function's driver does with a queue: it is enabled or not, one way; which
 * vector announces it, 0 being the one that admin queues have. */
void vs_nic_switch_queue(struct vs_nic *n, uint32_t queue, bool sends, bool on);
void vs_nic_map_vector(struct vs_nic *n, uint32_t queue, uint32_t vector);
/* A header as it lies in memory; what lies there as a header. */
void vs_nic_write_header(unsigned char bytes[VS_NIC_HEADER_BYTES], const struct vs_nic_header *h);
struct vs_nic_header vs_nic_read_header(const unsigned char *bytes);
/* Its register of interrupt moderation is written. */
void vs_nic_moderate(struct vs_nic *n, uint32_t queue, uint64_t itr_ps);
/* When the RX engine has something to do; VS_NIC_NEVER. */
static inline uint64_t vs_nic_rx_next(const struct vs_nic *n)
{
    const struct vs_nic_arrival *a = &n->arrival[n->arrival_first];
    return !n->n_arrivals ? VS_NIC_NEVER : n->rx.now_ps > a->in_ps ? n->rx.now_ps : a->in_ps;
}
uint64_t vs_nic_wire_ps(const struct vs_nic *n, uint64_t payload);

/* The guest put a packet into the TX slot: its journey begins. */
void vs_nic_tx_begin(struct vs_nic *n, uint32_t queue, uint32_t slot, vs_ps at);
/* All of it is in memory, and its descriptors. */
void vs_nic_tx_stored(struct vs_nic *n, uint32_t queue, uint32_t slot, vs_ps at);
/* A write of the tail register, as journeys are told of it: when the guest began with it, what it
 * was made of, and the account of what came before the first of that, the store itself. */
struct vs_nic_doorbell {
    uint64_t begun_ps;
    const struct vs_tape *parts;
    uint16_t store;
};
/* The tail register has been written and the device knows since `at`; `how` NULL: nobody says. */
void vs_nic_tx_doorbell(struct vs_nic *n, uint32_t queue, uint32_t tail, vs_ps at,
                        const struct vs_nic_doorbell *how);
void vs_nic_rx_doorbell(struct vs_nic *n, uint32_t queue, uint32_t tail);
/* Somebody waits for room in a transmit ring: what the engine is about from now on is kept in
 * tx_tape. */
void vs_nic_tx_follow(struct vs_nic *n, bool on);
/* TX engine from `at` on: one frame, if the engine is free by then and the transmit buffer has
 * room, and the write-backs that are due; returns when it wants to run again, VS_NIC_NEVER when
 * idle. */
uint64_t vs_nic_tx_step(struct vs_nic *n, vs_ps at);
#define VS__NIC_FOLLOWED 256u /* of the engine's charges: more than it makes between two looks */
/* When the next write-back is due. */
static inline uint64_t vs__nic_write_back_due(const struct vs_nic *n)
{
    return n->n_write_backs ? n->write_back[n->write_back_first].due_ps : VS_NIC_NEVER;
}
/* The same, where mostly there is nothing to send and no write-back is due. */
static inline uint64_t vs_nic_tx_look(struct vs_nic *n, vs_ps at)
{
    const struct vs_nic_ring *r = &n->fn[0].queue->tx;
    uint64_t due = vs__nic_write_back_due(n);
    bool alone = n->n_used == 1 && n->pairs == 1;
    if (alone && r->head == r->tail && due > at.v && n->tx_tape.n <= 2u * VS__NIC_FOLLOWED) {
        return due;
    }
    return vs_nic_tx_step(n, at);
}
/* interface.c, with nic.path = host. The queue of a guest's interface: its rings lie in the guest's
 * memory, and no engine knows them. */
static inline uint32_t vs_nic_interface_queue(const struct vs_nic *n, uint32_t interface)
{
    return n->n_queues + interface;
}
/* The interface that has this address; n_interfaces: none. */
uint32_t vs_nic_interface_of(const struct vs_nic *n, uint64_t mac);
/* The queue that the adapter has for an interface: its pool's, or the physical function's. */
static inline uint32_t vs_nic_queue_for(const struct vs_nic *n, uint32_t interface)
{
    return interface < n->n_fn ? interface : vs_nic_physical_queue(n);
}
/* Whether a guest has read all that its interface has got, and waits for an interrupt. */
bool vs_nic_rx_waits(const struct vs_nic *n, uint32_t interface);
/* What the host's driver was about, up to when it had delivered a frame and interrupted its guest,
 * who sees it from `seen_ps` on. */
struct vs_nic_delivery {
    uint64_t seen_ps;
    vs_ps at;
    const struct vs_tape *trail;
};
/* The host's driver has put the next packet of one queue into the ring of a guest's interface: its
 * journey goes on there. */
void vs_nic_rx_deliver(struct vs_nic *n, uint32_t from, uint32_t interface,
                       const struct vs_nic_delivery *how);
/* The host's driver has done with the next packet of the queue, which this interface had no room
 * for (n_interfaces: it was for others). */
void vs_nic_rx_done(struct vs_nic *n, uint32_t from, uint32_t lost, vs_ps at);
/* The driver of an interface has given its host receive buffers, or frames, up to there. */
void vs_nic_rx_offered(struct vs_nic *n, uint32_t queue, uint32_t tail);
void vs_nic_tx_offered(struct vs_nic *n, uint32_t queue, uint32_t tail, vs_ps at,
                       const struct vs_nic_doorbell *how);
/* The host's driver has taken a frame of an interface's slot into a slot of the adapter's queue; or
 * it has carried it to another interface itself: its journey ends, and another begins there (as
 * vs_nic_rx_deliver). */
void vs_nic_tx_hand_on(struct vs_nic *n, uint32_t interface, uint32_t slot, uint32_t to,
                       uint32_t to_slot, vs_ps at, const struct vs_tape *trail);
void vs_nic_tx_deliver(struct vs_nic *n, uint32_t interface, uint32_t slot, uint32_t to,
                       const struct vs_nic_delivery *how);
/* rss.c: receive-side scaling. The hash of a packet is made of where it comes from and goes to, and
 * the function's table says which of its queues gets those of that hash. */
struct vs_nic_flow {
    uint32_t from, to; /* IPv4 */
    uint16_t from_port, to_port;
};
/* By addresses alone where it has no ports. */
uint32_t vs_nic_hash(const struct vs_nic_flow *flow);
/* A driver spreads what comes over the first `queues` of the function. */
void vs_nic_spread(struct vs_nic *n, uint32_t vf, uint32_t queues);
/* The number of the queue that gets packets of that hash. */
static inline uint32_t vs_nic_steer(const struct vs_nic *n, uint32_t vf, uint32_t hash)
{
    return n->n_interfaces
               ? vs_nic_interface_queue(n, vf)
               : vf * n->pairs + n->fn[vf].table[hash & ((uint32_t)n->cfg.rss_entries - 1u)];
}
/* The sender's next packet, for this queue; of a TCP connection of that number, in order (0: it is
 * no segment): its first bit arrives at `at`, or when the wire has carried the one before. Returns
 * when its last bit is in the receive buffer; VS_NIC_NEVER: it was lost. */
uint64_t vs_nic_rx_segment(struct vs_nic *n, uint32_t queue, uint32_t stream, uint32_t payload,
                           vs_ps at);
/* The same for a datagram. */
static inline uint64_t vs_nic_rx_arrive(struct vs_nic *n, uint32_t queue, uint32_t payload,
                                        vs_ps at)
{
    return vs_nic_rx_segment(n, queue, 0, payload, at);
}
/* The same for one with a header: for the functions whose address and VLAN it bears. */
uint64_t vs_nic_rx_frame(struct vs_nic *n, const struct vs_nic_header *h, uint32_t payload,
                         vs_ps at);
/* RX engine from `at` on: one packet, if the engine is free and one is in by then; returns when it
 * wants to run again, VS_NIC_NEVER when idle. */
uint64_t vs_nic_rx_step(struct vs_nic *n, vs_ps at);
/* Sends what interrupts are due at `at`; returns when the next is. */
uint64_t vs_nic_interrupts(struct vs_nic *n, vs_ps at);
/* write_back.c: what has been kept until `at` goes into memory; returns when the next is due. */
uint64_t vs_nic_flush(struct vs_nic *n, vs_ps at);
/* When descriptors that are kept have to be written back. */
static inline uint64_t vs_nic_flush_due(const struct vs_nic *n)
{
    return n->kept_due_ps;
}
/* When the next moderated interrupt is due. */
static inline uint64_t vs_nic_interrupt_due(const struct vs_nic *n)
{
    return n->irq_due_ps;
}
/* The guest has read the next packet by `at`, or the next large one: the journeys of its segments
 * end; `trail`: what its vCPU was about since it had read the one before. */
void vs_nic_rx_read(struct vs_nic *n, uint32_t queue, vs_ps at, const struct vs_tape *trail);
/* Packets that lie in memory, not read yet, whose descriptors say so at `at`. */
uint32_t vs_nic_rx_ready(struct vs_nic *n, uint32_t queue, vs_ps at);
/* Since when, or from when on, the next one of them is seen; VS_NIC_NEVER: there is none. */
uint64_t vs_nic_rx_seen_ps(const struct vs_nic *n, uint32_t queue);
/* Journeys under way are counted as open; the engines' lines end. */
void vs_nic_end(struct vs_nic *n, vs_ps at);

#endif
