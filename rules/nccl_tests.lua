-- nccl-tests compare what arrived with what was sent. They end well where it differs, and say so in a comment line.

rule {
  id = "nccl.p2p/data",
  from = {"nccl", "native", "cluster", "app", "other"},
  signatures = {wrong = [[^\s*# Out of bounds values : (?<n>[1-9]\d*) FAILED]]},
  facts = {"gpus", "env.NCCL_P2P_DISABLE"},
  confidence = 0.82,
  title = "data arrives changed from one GPU at another",
  when = function(_, log)
    return {hit = log.wrong, lasts = true} -- the averages that follow are no sign of health
  end,
  why = "{n} values arrived otherwise than they were sent: mostly copies from GPU to GPU that an IOMMU or PCIe's ACS "
    .. "sends elsewhere, rarely a broken link or card.",
  fixes = {
    {set = {NCCL_P2P_DISABLE = "1"}, say = "Run it again without copies from GPU to GPU: where it is right then, it is "
      .. "these."},
    {host = true, say = "Then switch ACS off on the PCIe bridges, and start the kernel with iommu=pt (or without an "
      .. "IOMMU)."},
    {hardware = true, say = "Where it stays wrong: look for the GPU that all wrong pairs share."},
  },
  doc = {looks = "# Out of bounds values : 128 FAILED, at the end of all_reduce_perf.",
    check = "lspci -vvv | grep ACSCtl; dmesg for IOMMU faults; p2pBandwidthLatencyTest."},
}
