// SPDX-License-Identifier: MIT
// The only C++ of the platform: an adapter that lets SystemC call agents. No numbers, no policy.
// A shared module of its own: kernel.c opens it and calls what the table at the end names.
#include "module.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <systemc>

// libsystemc exports a main() that wants this; the program has its own.
extern "C" int sc_main(int, char **)
{
    return 0;
}

namespace
{

class agent_module : public sc_core::sc_module
{
  public:
    SC_HAS_PROCESS(agent_module);

    agent_module(const sc_core::sc_module_name &name, const vs_agent &agent)
        : sc_core::sc_module(name), agent_(agent)
    {
        SC_METHOD(run);
    }

    void wake(uint64_t at_ps)
    {
        const uint64_t now = sc_core::sc_time_stamp().value();
        wake_.notify(sc_core::sc_time::from_value(at_ps > now ? at_ps - now : 0));
    }

  private:
    void run()
    {
        const uint64_t now = sc_core::sc_time_stamp().value();
        uint64_t horizon = VS_NEVER;
        if (sc_core::sc_pending_activity()) {
            horizon = now + sc_core::sc_time_to_pending_activity().value();
        }
        const uint64_t next = agent_.step(agent_.ctx, now, horizon);
        if (next == VS_NEVER) {
            next_trigger(wake_);
        } else {
            next_trigger(sc_core::sc_time::from_value(next > now ? next - now : 0), wake_);
        }
    }

    vs_agent agent_;
    sc_core::sc_event wake_;
};

struct systemc_kernel {
    std::vector<std::unique_ptr<agent_module>> agents;
    bool stopped = false;
};

void *create()
{
    setenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1", 1);
    sc_core::sc_report_handler::set_actions("/OSCI/SystemC", sc_core::SC_DO_NOTHING);
    sc_core::sc_report_handler::set_actions(sc_core::SC_ERROR, sc_core::SC_THROW);
    return new (std::nothrow) systemc_kernel;
}

unsigned add(void *kernel, const vs_agent *agent)
{
    auto *k = static_cast<systemc_kernel *>(kernel);
    std::string name = agent->name;
    for (char &c : name) {
        c = c == '/' || c == '.' ? '_' : c;
    }
    k->agents.push_back(std::make_unique<agent_module>(name.c_str(), *agent));
    return static_cast<unsigned>(k->agents.size() - 1);
}

void wake(void *kernel, unsigned agent, uint64_t at_ps)
{
    static_cast<systemc_kernel *>(kernel)->agents[agent]->wake(at_ps);
}

bool run(void *kernel, char *error, size_t bytes)
{
    auto *k = static_cast<systemc_kernel *>(kernel);
    try {
        sc_core::sc_start();
        k->stopped = true;
        return true;
    } catch (const std::exception &e) {
        std::snprintf(error, bytes, "SystemC: %s", e.what());
        return false;
    }
}

void stop(void *kernel)
{
    auto *k = static_cast<systemc_kernel *>(kernel);
    if (!k->stopped) {
        k->stopped = true;
        sc_core::sc_stop();
    }
}

void destroy(void *kernel)
{
    auto *k = static_cast<systemc_kernel *>(kernel);
    k->agents.clear();
    delete k;
    // a fresh context for the next platform of this process; modules must be gone before
    sc_core::sc_get_curr_simcontext()->reset();
}

} // namespace

extern "C" {
extern const vs_kernel_functions vs_kernel_systemc;
const vs_kernel_functions vs_kernel_systemc = {create, add, wake, run, stop, destroy};
}
