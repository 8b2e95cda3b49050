-- The GPU's own encoder and decoder of video (NVENC, NVDEC), as FFmpeg and what is built on it speak of them.

-- FFmpeg's own count of what it has written: it took another encoder.
local WORKS = [[\bframe= *[1-9]\d* .*\bspeed=]]

rule {
  id = "cuda.lib-missing/video",
  from = {"app", "other", "shell", "native", "framework"},
  signatures = {lib = [[Cannot load (?<lib>libnvidia-encode\.so(?:\.1)?|libnvcuvid\.so(?:\.1)?)]]},
  context = {works = WORKS},
  unless = {"works"},
  facts = {"system.container.runtime", "env.NVIDIA_DRIVER_CAPABILITIES"},
  confidence = 0.84,
  title = "the driver's part for video is missing",
  when = function(f)
    local give = {container = "video", kind = "env:NVIDIA_DRIVER_CAPABILITIES",
      say = "Give the container the driver's video part, too."}
    local match = {driver = "match", say = "Install the driver's libraries anew, all of one version (libnvidia-encode "
      .. "and libnvidia-decode)."}
    local inside = f"system.container.runtime"
    return {why = {"{lib} belongs to the driver, and a container gets it only where NVIDIA_DRIVER_CAPABILITIES names "
        .. "video.", "Here it is {fact:env.NVIDIA_DRIVER_CAPABILITIES}."},
      fixes = inside == false and {match} or {give, match}}
  end,
  doc = {looks = "[h264_nvenc] Cannot load libnvidia-encode.so.1.",
    check = "NVIDIA_DRIVER_CAPABILITIES of the container; ldconfig -p | grep -e encode -e cuvid."},
}

rule {
  id = "torch.driver-too-old/video",
  from = {"app", "other", "shell", "native", "framework"},
  signatures = {api = [[Driver does not support the required nvenc API version\. Required: (?<need>[\d.]+) Found: ]]
    .. [[(?<have>[\d.]+)]]},
  context = {works = WORKS, least = [[minimum required Nvidia driver for nvenc is (?<driver>\d[\d.]*)]]},
  unless = {"works"},
  facts = {"driver.version"},
  confidence = 0.9,
  title = "the driver is too old for this FFmpeg's NVENC",
  when = function(_, log)
    return {why = {"FFmpeg was built for NVENC {need}, and the driver has {have}.",
        log.least and ("It asks for a driver of %s or later."):format(log.least.driver), "The driver is "
          .. "{fact:driver.version}."},
      fixes = {{driver = "upgrade", need = log.least and log.least.driver or nil,
          say = "Upgrade the driver on the host."},
        {code = true, say = "Or take an FFmpeg that was built with older headers (nv-codec-headers of that API)."}}}
  end,
  doc = {looks = "Driver does not support the required nvenc API version. Required: 12.1 Found: 11.1.",
    check = "nvidia-smi's driver version against the one that the next line names."},
}
