/* SPDX-License-Identifier: MIT */
/*
 * Admin queues, as an X710 has them, and virtchnl, the language that drivers of its virtual
 * functions speak with the physical one's over them. Registers: Linux iavf_register.h; descriptors:
 * iavf_adminq_cmd.h; messages: include/linux/avf/virtchnl.h.
 */
#ifndef VIRTSIM_SRIOV_NIC_ADMINQ_H
#define VIRTSIM_SRIOV_NIC_ADMINQ_H

#include <stdint.h>

/* Registers of a virtual function: what it sends (ATQ), what it receives (ARQ). */
#define VS_NIC_ATQBAL 0x7c00u
#define VS_NIC_ATQBAH 0x7800u
#define VS_NIC_ATQLEN 0x6800u
#define VS_NIC_ATQH 0x6400u
#define VS_NIC_ATQT 0x8400u
#define VS_NIC_ARQBAL 0x6c00u
#define VS_NIC_ARQBAH 0x6000u
#define VS_NIC_ARQLEN 0x8000u
#define VS_NIC_ARQH 0x7400u
#define VS_NIC_ARQT 0x7000u
#define VS_NIC_RSTAT 0x8800u
#define VS_NIC_RESET_COMPLETE 1u
#define VS_NIC_VF_ACTIVE 2u
/* Bits of a length register. */
#define VS_NIC_AQ_LENGTH 0x3ffu
#define VS_NIC_AQ_OVERFLOW 0x20000000u
#define VS_NIC_AQ_CRITICAL 0x40000000u
#define VS_NIC_AQ_ENABLE 0x80000000u

#define VS_NIC_AQ_MOST 256u    /* descriptors of a ring: I40E_AQ_LEN, the longest of a driver's */
#define VS_NIC_AQ_BUFFER 4096u /* bytes of a buffer: I40E_MAX_AQ_BUF_SIZE */
#define VS_NIC_AQ_LARGE 512u   /* a longer one is said to be: I40E_AQ_LARGE_BUF */
struct vs_nic_aq_descriptor {
    uint16_t flags, opcode, bytes, result;
    uint32_t cookie_high, cookie_low; /* of virtchnl: the operation, how it was answered */
    uint32_t param0, param1, addr_high, addr_low;
};
_Static_assert(sizeof(struct vs_nic_aq_descriptor) == 32, "an admin queue's descriptor");
#define VS_NIC_AQ_DD 0x1u
#define VS_NIC_AQ_CMP 0x2u
#define VS_NIC_AQ_ERR 0x4u
#define VS_NIC_AQ_LB 0x200u
#define VS_NIC_AQ_RD 0x400u
#define VS_NIC_AQ_BUF 0x1000u
#define VS_NIC_AQ_SI 0x2000u
enum vs_nic_aq_opcode {
    VS_NIC_AQ_SHUTDOWN = 0x0003,
    VS_NIC_AQ_ADD_MACVLAN = 0x0250,
    VS_NIC_AQ_REMOVE_MACVLAN = 0x0251,
    VS_NIC_AQ_TO_PF = 0x0801,
    VS_NIC_AQ_TO_VF = 0x0802
};
/* How a command ended: enum i40e_admin_queue_err. */
enum vs_nic_aq_result {
    VS_NIC_AQ_OK = 0,
    VS_NIC_AQ_ENXIO = 6,
    VS_NIC_AQ_E2BIG = 7,
    VS_NIC_AQ_EAGAIN = 8,
    VS_NIC_AQ_EINVAL = 14,
    VS_NIC_AQ_ENOSPC = 16,
    VS_NIC_AQ_ENOSYS = 17
};
/* One address of VS_NIC_AQ_ADD_MACVLAN or _REMOVE_MACVLAN, whose param0 has how many there are, and
 * above these 16 bits whose they are. */
struct vs_nic_aq_macvlan {
    uint8_t mac[6];
    uint16_t vlan, flags, queue;
    uint32_t reserved;
};
#define VS_NIC_AQ_ADDRESSES 64u /* of a function beside its own: the model's limit */
#define VS_NIC_AQ_PERFECT_MATCH 1u
#define VS_NIC_AQ_IGNORE_VLAN 4u

/* Operations of virtchnl, and the sizes of their messages: the part that is always there, and each
 * element's. */
enum vs_virtchnl_op {
    VS_VIRTCHNL_VERSION = 1,
    VS_VIRTCHNL_RESET_VF = 2,
    VS_VIRTCHNL_GET_VF_RESOURCES = 3,
    VS_VIRTCHNL_CONFIG_VSI_QUEUES = 6,
    VS_VIRTCHNL_CONFIG_IRQ_MAP = 7,
    VS_VIRTCHNL_ENABLE_QUEUES = 8,
    VS_VIRTCHNL_DISABLE_QUEUES = 9,
    VS_VIRTCHNL_ADD_ETH_ADDR = 10,
    VS_VIRTCHNL_DEL_ETH_ADDR = 11,
    VS_VIRTCHNL_EVENT = 17,
    VS_VIRTCHNL_REQUEST_QUEUES = 29,
    VS_VIRTCHNL_LAST = 31 /* DISABLE_CHANNELS */
};
#define VS_VIRTCHNL_MAJOR 1u
#define VS_VIRTCHNL_MINOR 1u
#define VS_VIRTCHNL_QUEUES 16u /* of a function, at most: I40E_MAX_VF_QUEUES */
/* Their answers: Linux enum virtchnl_status_code, errno, and i40e_status of the address. */
#define VS_VIRTCHNL_ERR_PARAM (-5)
#define VS_VIRTCHNL_EPERM (-1)
#define VS_VIRTCHNL_BAD_ADDRESS (-10)
#define VS_VIRTCHNL_NOT_SUPPORTED (-64)
struct vs_virtchnl_version {
    uint32_t major, minor;
};
struct vs_virtchnl_resource {
    uint16_t vsis, pairs, vectors, mtu;
    uint32_t capabilities, key_bytes, table_bytes;
    uint16_t vsi, vsi_pairs;
    uint32_t vsi_type;
    uint16_t qset;
    uint8_t mac[6];
};
_Static_assert(sizeof(struct vs_virtchnl_resource) == 36, "virtchnl_vf_resource");
struct vs_virtchnl_queues {
    uint16_t vsi, pairs;
    uint32_t pad;
};
struct vs_virtchnl_pair {
    struct {
        uint16_t vsi, queue, ring, head_wb;
        uint64_t base, head_wb_at;
    } tx;
    struct {
        uint16_t vsi, queue;
        uint32_t ring;
        uint16_t header, split;
        uint32_t buffer, longest, pad1;
        uint64_t base;
        uint32_t position, pad2;
    } rx;
};
_Static_assert(sizeof(struct vs_virtchnl_pair) == 64, "virtchnl_queue_pair_info");
struct vs_virtchnl_vector { /* behind the number of them, 16 bits */
    uint16_t vsi, vector, rx, tx, rx_itr, tx_itr;
};
struct vs_virtchnl_select {
    uint16_t vsi, pad;
    uint32_t rx, tx;
};
struct vs_virtchnl_addresses {
    uint16_t vsi, n;
};
struct vs_virtchnl_address {
    uint8_t mac[6], pad[2];
};
enum vs_virtchnl_event_code { VS_VIRTCHNL_LINK_CHANGE = 1, VS_VIRTCHNL_RESET_IMPENDING = 2 };
#define VS_VIRTCHNL_CERTAIN_DOOM 255u
struct vs_virtchnl_event {
    uint32_t event, speed;
    uint8_t up, pad[3];
    uint32_t severity;
};
_Static_assert(sizeof(struct vs_virtchnl_event) == 16, "virtchnl_pf_event");

/* Bytes of a message of n elements of that size: Linux's structures of them end in one, so that
 * there is always room for one more. */
static inline uint32_t vs_virtchnl_bytes(uint32_t head, uint32_t each, uint32_t n)
{
    return head + (n + 1u) * each;
}

/* An address of a station in its six bytes; these as a number. */
static inline void vs_nic_mac_bytes(uint8_t bytes[6], uint64_t mac)
{
    for (unsigned i = 0; i < 6; i++) {
        bytes[i] = (uint8_t)(mac >> (40 - 8 * i));
    }
}

/* The address that these bytes of a message are. */
static inline uint64_t vs_nic_mac_of(const uint8_t bytes[6])
{
    uint64_t mac = 0;
    for (unsigned i = 0; i < 6; i++) {
        mac = mac << 8 | bytes[i];
    }
    return mac;
}

#endif
